//! Links, found by person and by seat alike: a journal of 50,000 links is folded record by record, and looking through all
//! of them for a seat each time would take the square of that.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

use serde::{Deserialize, Serialize};

use super::Link;
use crate::model::id::{PersonId, SeatId};

/// Who is which seat, by person. Reads like the map it is; every change goes through a method that keeps the seats in step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "BTreeMap<PersonId, Link>", into = "BTreeMap<PersonId, Link>")]
pub struct Links {
    by_person: BTreeMap<PersonId, Link>,
    /// Every linked seat with its people; more than one only where an import says so.
    by_seat: BTreeMap<SeatId, BTreeSet<PersonId>>,
}

impl Links {
    /// Links somebody; returns the link they had.
    pub fn insert(&mut self, person: PersonId, link: Link) -> Option<Link> {
        let before = self.remove(&person);
        if let Some(seat) = &link.seat {
            self.by_seat.entry(seat.clone()).or_default().insert(person.clone());
        }
        self.by_person.insert(person, link);
        before
    }

    /// Forgets somebody's link and returns it.
    pub fn remove(&mut self, person: &PersonId) -> Option<Link> {
        let link = self.by_person.remove(person)?;
        if let Some(seat) = &link.seat
            && let Some(people) = self.by_seat.get_mut(seat)
        {
            people.remove(person);
            if people.is_empty() {
                self.by_seat.remove(seat);
            }
        }
        Some(link)
    }

    /// Changes somebody's link, where there is one.
    pub fn change(&mut self, person: &PersonId, change: impl FnOnce(&mut Link)) {
        if let Some(mut link) = self.remove(person) {
            change(&mut link);
            self.insert(person.clone(), link);
        }
    }

    /// Forgets whoever is linked to a seat.
    pub fn remove_seat(&mut self, seat: &SeatId) {
        for person in self.by_seat.remove(seat).unwrap_or_default() {
            self.by_person.remove(&person);
        }
    }

    /// The first person a seat is linked to.
    pub fn of_seat(&self, seat: &SeatId) -> Option<&Link> {
        self.by_person.get(self.by_seat.get(seat)?.first()?)
    }
}

impl Deref for Links {
    type Target = BTreeMap<PersonId, Link>;

    fn deref(&self) -> &Self::Target {
        &self.by_person
    }
}

impl PartialEq for Links {
    fn eq(&self, other: &Self) -> bool {
        self.by_person == other.by_person
    }
}

impl From<BTreeMap<PersonId, Link>> for Links {
    fn from(by_person: BTreeMap<PersonId, Link>) -> Self {
        let mut links = Self::default();
        for (person, link) in by_person {
            links.insert(person, link);
        }
        links
    }
}

impl From<Links> for BTreeMap<PersonId, Link> {
    fn from(links: Links) -> Self {
        links.by_person
    }
}

impl<'a> IntoIterator for &'a Links {
    type Item = (&'a PersonId, &'a Link);
    type IntoIter = std::collections::btree_map::Iter<'a, PersonId, Link>;

    fn into_iter(self) -> Self::IntoIter {
        self.by_person.iter()
    }
}
