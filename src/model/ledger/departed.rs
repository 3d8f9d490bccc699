//! Seats that were given up and may come back: an answer says that a seat is gone, and only a complete list without it
//! proves that.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Absence, Ledger, Link, OwnedSeat};
use crate::model::id::{Address, SeatId};

/// A seat that an answer, or one list, called gone, with what it was to us.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Departed {
    /// Which.
    pub seat: SeatId,
    /// Its user name or invited address.
    pub name: Address,
    /// When it was given up.
    pub at: Timestamp,
    /// Whose it was; `None` where it was ours without a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<Link>,
    /// How they had left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub absence: Option<Absence>,
}

impl Ledger {
    /// Remembers a seat that is given up, until a complete list agrees that it is gone.
    pub fn give_up(&mut self, departed: Departed) {
        self.departed.insert(departed.seat.as_str().to_owned(), departed);
    }

    /// A list shows a seat that was given up: it is what it was before. Whoever has got another seat meanwhile keeps that one,
    /// and this one is one too many.
    pub fn take_back(&mut self, seat: &SeatId) {
        let Some(departed) = self.departed.remove(seat.as_str()) else { return };
        if self.owns(seat) {
            return;
        }
        // What had no effect counts as no revocation.
        if let Some(counted) = self.revocations.iter().position(|at| *at == departed.at) {
            self.revocations.remove(counted);
        }
        let Departed { seat, name, at, link, absence } = departed;
        match link {
            Some(link) if !self.links.contains_key(&link.person.id) => {
                let person = link.person.id.clone();
                self.reservations.retain(|_, kept| kept.person != person || kept.released != at);
                if let Some(absence) = absence {
                    self.absences.entry(person.clone()).or_insert(absence);
                }
                self.links.insert(person, Link { seat: Some(seat), ..link });
            }
            link => {
                let person = link.map(|link| link.person.id);
                self.owned.insert(seat.as_str().to_owned(), OwnedSeat { seat, name, person });
            }
        }
    }
}
