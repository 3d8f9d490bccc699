//! Seats that fit only an address which its owner wrote into their profile: no seat of theirs, and perhaps theirs all the same.

use std::collections::BTreeSet;

use super::{Case, Correlator, Entry, Standing};
use crate::model::{Address, SeatId};
use crate::plan::names;
use crate::plan::seat::Seat;

impl<'c, 'a: 'c> Correlator<'c, 'a> {
    /// Seats without an owner that fit an address which people write into their profile themselves: that alone gives
    /// nobody a seat, and may well be right, so that nobody is invited beside it either.
    pub(super) fn find_claims(&self, cases: &mut [Case<'a>]) {
        let which = self.input.policy.access.match_addresses;
        let standing = |case: &Case<'a>| {
            let entry = case.found.filter(Entry::is_in_scope)?;
            let claimed = match &case.standing {
                Standing::Without(_) => entry.person.addresses.claimed_only(which),
                Standing::Holds { .. }
                | Standing::Several(_)
                | Standing::Unseen
                | Standing::Vanished
                | Standing::Claims(_) => &[],
            };
            (!claimed.is_empty()).then(|| claimed.iter().collect::<Vec<_>>())
        };
        let wanted: Vec<(usize, Vec<&Address>)> =
            (cases.iter().enumerate()).filter_map(|(at, case)| Some((at, standing(case)?))).collect();
        if wanted.is_empty() {
            return;
        }
        let held: BTreeSet<SeatId> =
            cases.iter().flat_map(|case| case.standing.seats()).map(Seat::id).collect();
        for (at, names) in wanted {
            let seats: Vec<Seat<'a>> = self.seats_without_owner(&names, &held).collect();
            if !seats.is_empty() {
                cases[at].conflict = Some(claim(&cases[at], &seats));
                cases[at].standing = Standing::Claims(seats);
            }
        }
    }

    fn seats_without_owner(
        &self,
        names: &[&Address],
        held: &BTreeSet<SeatId>,
    ) -> impl Iterator<Item = Seat<'a>> {
        let members = self.members(names).into_iter().map(Seat::Member);
        let invitations = self.invitations(names).into_iter().map(Seat::Invitation);
        members.chain(invitations).filter(|seat| {
            let id = seat.id();
            !seat.is_expired(self.input.now)
                && !held.contains(&id)
                && self.input.ledger.links.of_seat(&id).is_none()
                && self.people.named(seat.name()).is_empty()
        })
    }
}

/// What a person waits for whose seat it may be.
fn claim(case: &Case<'_>, seats: &[Seat<'_>]) -> String {
    let names: Vec<&str> = seats.iter().map(|seat| seat.name().folded()).collect();
    let vouched = case.found.and_then(|entry| names::address(entry.person));
    let vouched = vouched.map_or("ADDRESS", |address| address.folded());
    let (names, first) = (names.join(", "), names[0]);
    format!(
        "{names} is only an address that the directory does not vouch for (access.match_addresses); \
         if the seat is theirs: rosterd link {vouched} {first}"
    )
}
