//! The addresses of one person, and which of them the organization vouches for.

use serde::{Deserialize, Serialize};

use super::id::Address;
use super::policy::MatchAddresses;

/// Every address of a person once, those that the organization vouches for first. People write the others themselves,
/// so that these say where somebody may be reached and not whose a seat is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Parts", into = "Parts")]
pub struct Addresses {
    all: Box<[Address]>,
    /// How many of them are vouched for.
    vouched: usize,
}

/// As they are kept. The two lists have names, so that a list kept by a version that did not tell them apart is not read
/// as one that does.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    vouched: Vec<Address>,
    others: Vec<Address>,
}

impl Addresses {
    /// An address that comes twice is kept where it comes first.
    pub fn new(
        vouched: impl IntoIterator<Item = Address>,
        others: impl IntoIterator<Item = Address>,
    ) -> Self {
        let mut all: Vec<Address> = Vec::new();
        add_new(&mut all, vouched);
        let count = all.len();
        add_new(&mut all, others);
        Self { all: all.into_boxed_slice(), vouched: count }
    }

    /// Somebody without any.
    pub fn none() -> Self {
        Self { all: Box::default(), vouched: 0 }
    }

    /// Every address, the one that invitations go to first.
    pub fn all(&self) -> &[Address] {
        &self.all
    }

    /// Those that the organization vouches for.
    pub fn vouched(&self) -> &[Address] {
        self.all.get(..self.vouched).unwrap_or_default()
    }

    /// Those that may find a seat.
    pub fn matching(&self, which: MatchAddresses) -> &[Address] {
        match which {
            MatchAddresses::Work => self.vouched(),
            MatchAddresses::Any => self.all(),
        }
    }

    /// Those that may not.
    pub fn claimed_only(&self, which: MatchAddresses) -> &[Address] {
        match which {
            MatchAddresses::Work => self.all.get(self.vouched..).unwrap_or_default(),
            MatchAddresses::Any => &[],
        }
    }
}

fn add_new(all: &mut Vec<Address>, more: impl IntoIterator<Item = Address>) {
    for address in more {
        if !all.contains(&address) {
            all.push(address);
        }
    }
}

impl From<Parts> for Addresses {
    fn from(parts: Parts) -> Self {
        Self::new(parts.vouched, parts.others)
    }
}

impl From<Addresses> for Parts {
    fn from(addresses: Addresses) -> Self {
        let mut vouched = addresses.all.into_vec();
        let others = vouched.split_off(addresses.vouched.min(vouched.len()));
        Self { vouched, others }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_value, json, to_value};

    use super::*;

    fn of(names: &[&str]) -> Vec<Address> {
        names.iter().map(|name| Address::new(name)).collect()
    }

    #[test]
    fn what_the_organization_vouches_for_comes_first_and_once() {
        let addresses =
            Addresses::new(of(&["a@example.com", "A@example.com"]), of(&["a@example.com", "h@example.com"]));
        assert_eq!(addresses.all(), of(&["a@example.com", "h@example.com"]));
        assert_eq!(addresses.vouched(), of(&["a@example.com"]));
        assert_eq!(addresses.matching(MatchAddresses::Any), addresses.all());
        assert_eq!(addresses.claimed_only(MatchAddresses::Work), of(&["h@example.com"]));
        assert!(addresses.claimed_only(MatchAddresses::Any).is_empty());
    }

    #[test]
    fn they_are_kept_apart_and_a_list_from_before_is_not_believed() {
        let addresses = Addresses::new(of(&["a@example.com"]), of(&["h@example.com"]));
        let kept = to_value(&addresses).expect("kept");
        assert_eq!(kept, json!({"vouched": ["a@example.com"], "others": ["h@example.com"]}));
        assert_eq!(from_value::<Addresses>(kept).expect("read"), addresses);
        for before in [json!([]), json!(["a@example.com"]), json!(["a@example.com", "b@example.com"])] {
            assert!(from_value::<Addresses>(before.clone()).is_err(), "{before}");
        }
    }

    #[test]
    fn they_take_no_more_room_than_a_list() {
        assert_eq!(size_of::<Addresses>(), size_of::<Vec<Address>>());
    }
}
