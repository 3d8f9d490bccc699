//! Whose a seat is, said by hand: `link`, `unlink`, `adopt`. They change the ledger and never the team.

use jiff::Timestamp;

use super::commands::{Caller, Core};
use super::cycle::Observed;
use super::{Book, CycleError};
use crate::asc::{TeamRead, TeamWrite};
use crate::control::protocol::Answer;
use crate::model::event::LinkBy;
use crate::model::policy::MatchAddresses;
use crate::model::{Access, Address, Addresses, Event, Person, SeatId};
use crate::plan::names::person_ref;
use crate::source::DirectorySource;

impl<S, T> Core<S, T>
where
    S: DirectorySource,
    T: TeamRead + TeamWrite,
{
    pub(super) async fn link(
        &self,
        email: &str,
        apple_account: &str,
        caller: &Caller,
    ) -> Result<Answer, CycleError> {
        let (address, account) = (mail(email)?, mail(apple_account)?);
        let observed = self.read_and_plan(caller).await?.observed;
        let which = self.policy.access.match_addresses;
        let person = person_with(&observed, &address, which)?;
        // A mapping by an address that anybody may write into their profile would be theirs who does.
        let address = match person.addresses.matching(which) {
            [] => address,
            matching if matching.contains(&address) => address,
            matching => matching[0].clone(),
        };
        let ledger = self.state.ledger();
        let seat = seat_of(&observed, &account);
        if let Some((seat, _, _)) = &seat
            && let Some(other) = ledger.person_of(seat).filter(|link| link.person.id != person.id)
        {
            return Err(CycleError::refused(
                format!("the seat of {account} is linked to {} already", other.person.name),
                format!("run `rosterd unlink {account}` first"),
            ));
        }
        let mut events =
            vec![Event::AccountMapped { address: address.clone(), apple_account: account.clone() }];
        if ledger.links.contains_key(&person.id) {
            events.push(Event::Unlinked { person: person.id.clone() });
        }
        let line = match seat {
            Some((seat, access, expires)) => {
                let (person, name) = (person_ref(person), account.clone());
                let access = Some(access);
                events.push(Event::Linked { person, seat, by: LinkBy::Manual, name, access, expires });
                format!("{address} is the seat of {account}")
            }
            None => format!("{address} is the Apple Account {account}, which has no seat on the team yet"),
        };
        Book::record(&*self.state, None, &caller.actor, events)?;
        Ok(Answer::Done { lines: vec![line] })
    }

    pub(super) fn unlink(&self, who: &str, caller: &Caller) -> Result<Answer, CycleError> {
        let ledger = self.state.ledger();
        let address = Address::new(who);
        let mut events = Vec::new();
        let mut lines = Vec::new();
        for link in ledger.links.values() {
            let seat = link.seat.as_ref().map(SeatId::as_str);
            let named = link.name == address || link.person.email.as_ref() == Some(&address);
            if named || link.person.id.as_str() == who || seat == Some(who) {
                events.push(Event::Unlinked { person: link.person.id.clone() });
                lines.push(format!(
                    "{} is no longer linked to {}; the seat stays as it is",
                    link.person.name, link.name
                ));
            }
        }
        for owned in ledger.owned.values() {
            if owned.name == address || owned.seat.as_str() == who {
                events.push(Event::Disowned { seat: owned.seat.clone() });
                lines.push(format!("the seat of {} is no longer ours; it stays as it is", owned.name));
            }
        }
        for departed in ledger.departed.values() {
            let link = departed.link.as_ref();
            let is_theirs = link.is_some_and(|link| {
                link.person.id.as_str() == who || link.person.email.as_ref() == Some(&address)
            });
            if is_theirs || departed.name == address || departed.seat.as_str() == who {
                events.push(Event::Disowned { seat: departed.seat.clone() });
                lines.push(format!(
                    "the seat of {} was removed; should it be listed again, it is no longer ours",
                    departed.name
                ));
            }
        }
        for (known, account) in &ledger.accounts {
            if known == address.folded() || *account == address {
                events.push(Event::AccountUnmapped { address: Address::new(known) });
                lines.push(format!("{known} is no longer the Apple Account {account}"));
            }
        }
        if events.is_empty() {
            return Err(CycleError::refused(
                format!("nothing of {who} is linked"),
                "WHO is an address, an id of the identity provider or a seat id; `rosterd state export` lists the links",
            ));
        }
        Book::record(&*self.state, None, &caller.actor, events)?;
        Ok(Answer::Done { lines })
    }

    pub(super) fn unlink_all(&self, caller: &Caller) -> Result<Answer, CycleError> {
        let ledger = self.state.ledger();
        let links = ledger.links.keys().map(|person| Event::Unlinked { person: person.clone() });
        let owned = ledger.owned.values().map(|owned| Event::Disowned { seat: owned.seat.clone() });
        let departed =
            ledger.departed.values().map(|departed| Event::Disowned { seat: departed.seat.clone() });
        let accounts =
            ledger.accounts.keys().map(|address| Event::AccountUnmapped { address: Address::new(address) });
        let events: Vec<Event> = links.chain(owned).chain(departed).chain(accounts).collect();
        let line = format!(
            "{} links and {} adopted seats forgotten; every seat stays as it is",
            ledger.links.len(),
            ledger.owned.len()
        );
        if !events.is_empty() {
            Book::record(&*self.state, None, &caller.actor, events)?;
        }
        Ok(Answer::Done { lines: vec![line] })
    }

    pub(super) async fn adopt(&self, who: &[String], caller: &Caller) -> Result<Answer, CycleError> {
        let observed = self.read_and_plan(caller).await?.observed;
        let ledger = self.state.ledger();
        let (mut events, mut lines) = (Vec::new(), Vec::new());
        for name in who {
            let Some((seat, label)) = find_seat(&observed, name) else {
                return Err(CycleError::refused(
                    format!("no seat on the team is {name}; nothing was adopted"),
                    "WHO is a seat's user name, an invited address or a seat id",
                ));
            };
            if ledger.owns(&seat) {
                lines.push(format!("the seat of {label} is ours already"));
                continue;
            }
            lines.push(format!("the seat of {label} is ours now"));
            events.push(Event::Adopted { seat, name: label, person: None });
        }
        if !events.is_empty() {
            Book::record(&*self.state, None, &caller.actor, events)?;
        }
        Ok(Answer::Done { lines })
    }
}

/// The one person with an address: those who have it from the organization before those who wrote it themselves.
fn person_with<'o>(
    observed: &'o Observed,
    address: &Address,
    which: MatchAddresses,
) -> Result<&'o Person, CycleError> {
    let with = |addresses: fn(&Addresses, MatchAddresses) -> &[Address]| {
        let everybody = observed.directory.people().iter();
        everybody
            .filter(|person| addresses(&person.addresses, which).contains(address))
            .collect::<Vec<&Person>>()
    };
    let vouched = with(Addresses::matching);
    let found = if vouched.is_empty() { with(Addresses::claimed_only) } else { vouched };
    match found.as_slice() {
        [person] => Ok(person),
        [] => Err(CycleError::refused(
            format!("no person in the identity provider has the address {address}"),
            "link takes an address of the directory first, then the Apple Account",
        )),
        several => {
            let ids: Vec<&str> = several.iter().map(|person| person.id.as_str()).collect();
            Err(CycleError::refused(
                format!("{address} is an address of several people: {}", ids.join(", ")),
                "give an address that only one of them has; `rosterd explain ID` shows each one's",
            ))
        }
    }
}

fn mail(text: &str) -> Result<Address, CycleError> {
    let address = Address::new(text);
    if address.is_mail() {
        Ok(address)
    } else {
        Err(CycleError::refused(format!("{text:?} is no address"), "write it as name@example.com"))
    }
}

/// The seat of an Apple Account or invited address, with its access and, for an invitation, its end.
fn seat_of(observed: &Observed, account: &Address) -> Option<(SeatId, Access, Option<Timestamp>)> {
    let team = &observed.team;
    let member = team.members.iter().find(|member| member.user_name == *account);
    let member = member.map(|member| (SeatId::Member(member.id.clone()), member.access.clone(), None));
    let invitation = || {
        let invitation = team.invitations.iter().find(|invitation| invitation.email == *account)?;
        let seat = SeatId::Invitation(invitation.id.clone());
        Some((seat, invitation.access.clone(), invitation.expires))
    };
    member.or_else(invitation)
}

fn find_seat(observed: &Observed, who: &str) -> Option<(SeatId, Address)> {
    let address = Address::new(who);
    let team = &observed.team;
    let member = team.members.iter().find(|member| member.id.as_str() == who || member.user_name == address);
    let member = member.map(|member| (SeatId::Member(member.id.clone()), member.user_name.clone()));
    let invitation = || {
        let mut all = team.invitations.iter();
        let invitation =
            all.find(|invitation| invitation.id.as_str() == who || invitation.email == address)?;
        Some((SeatId::Invitation(invitation.id.clone()), invitation.email.clone()))
    };
    member.or_else(invitation)
}
