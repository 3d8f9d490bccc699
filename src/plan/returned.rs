//! Seats that were given up and are listed all the same: they are ours as they were, whatever an earlier answer said.

use crate::model::{Event, Ledger, SeatId, TeamSnapshot};

/// What a read of the team says of seats that were given up: those that it shows, and those that it rightly does not.
pub(super) fn findings(ledger: &Ledger, team: &TeamSnapshot) -> Vec<Event> {
    let complete = team.coverage.is_complete();
    let said = ledger.departed.values().filter_map(|departed| {
        let seat = departed.seat.clone();
        if is_listed(team, &seat) {
            Some(Event::SeatReturned { seat })
        } else {
            complete.then_some(Event::SeatGone { seat })
        }
    });
    said.collect()
}

/// The ledger with these findings taken in; `None` where nothing has come back.
pub(super) fn ledger(ledger: &Ledger, findings: &[Event]) -> Option<Ledger> {
    let mut back = None;
    for event in findings {
        if let Event::SeatReturned { seat } = event {
            back.get_or_insert_with(|| ledger.clone()).take_back(seat);
        }
    }
    back
}

fn is_listed(team: &TeamSnapshot, seat: &SeatId) -> bool {
    match seat {
        SeatId::Member(id) => team.member(id).is_some(),
        SeatId::Invitation(id) => team.invitation(id).is_some(),
    }
}
