//! Seats that were given up and are listed all the same: they are ours as they were, whatever an earlier answer said.

use crate::model::{Event, Ledger, SeatId, TeamSnapshot};

/// What a read of the team says of seats that were given up: those that it shows, and those that it rightly does not.
pub(super) fn findings(ledger: &Ledger, team: &TeamSnapshot) -> Vec<Event> {
    let said = ledger.departed.values().filter_map(|departed| {
        let seat = departed.seat.clone();
        if team.shows(&seat) {
            Some(Event::SeatReturned { seat })
        } else {
            is_gone(team, &seat).then_some(Event::SeatGone { seat })
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

/// A seat of which too little could be read to show it is there, and one without an id may be any.
fn is_gone(team: &TeamSnapshot, seat: &SeatId) -> bool {
    let may_be = team.unread_records().any(|unread| unread.seat.as_ref().is_none_or(|unread| unread == seat));
    !team.is_cut() && !may_be
}
