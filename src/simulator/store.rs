//! A collection that keeps the order of creation, finds by id, and pages both by position and by mark.

use std::collections::HashMap;

/// Something with an id that never changes.
pub trait Identified {
    /// The id, unique within its collection.
    fn id(&self) -> &str;
}

/// Items in the order they were created. A mark is the number an item got on creation; it is never used again, so a
/// walk by marks loses nobody when others are deleted meanwhile, while a walk by position does.
#[derive(Clone, Debug)]
pub struct Ordered<T> {
    items: Vec<(u64, T)>,
    marks: HashMap<Box<str>, u64>,
    next: u64,
}

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self { items: Vec::new(), marks: HashMap::new(), next: 1 }
    }
}

impl<T: Identified> Ordered<T> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// True when there are none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Adds at the end; an item of the same id is replaced where it stands.
    pub fn insert(&mut self, item: T) {
        if let Some(slot) = self.get_mut(item.id()) {
            *slot = item;
            return;
        }
        self.marks.insert(item.id().into(), self.next);
        self.items.push((self.next, item));
        self.next += 1;
    }

    /// The item of an id.
    pub fn get(&self, id: &str) -> Option<&T> {
        self.place(id).map(|at| &self.items[at].1)
    }

    /// The item of an id, to change.
    pub fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        self.place(id).map(|at| &mut self.items[at].1)
    }

    /// Takes an item out.
    pub fn remove(&mut self, id: &str) -> Option<T> {
        let at = self.place(id)?;
        self.marks.remove(id);
        Some(self.items.remove(at).1)
    }

    /// All, in order of creation.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.items.iter().map(|(_, item)| item)
    }

    /// All, to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut().map(|(_, item)| item)
    }

    /// Items from a position (0-based) on.
    pub fn from_position(&self, position: usize) -> impl Iterator<Item = &T> {
        self.items.iter().skip(position).map(|(_, item)| item)
    }

    /// Items created after a mark, each with its own.
    pub fn after(&self, mark: u64) -> impl Iterator<Item = (u64, &T)> {
        let at = self.items.partition_point(|(own, _)| *own <= mark);
        self.items[at..].iter().map(|(own, item)| (*own, item))
    }

    fn place(&self, id: &str) -> Option<usize> {
        let mark = self.marks.get(id)?;
        self.items.binary_search_by_key(mark, |(own, _)| *own).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{Identified, Ordered};

    impl Identified for &'static str {
        fn id(&self) -> &str {
            self
        }
    }

    fn abc() -> Ordered<&'static str> {
        let mut all = Ordered::default();
        for name in ["a", "b", "c"] {
            all.insert(name);
        }
        all
    }

    #[test]
    fn a_walk_by_marks_survives_a_deletion_and_one_by_position_does_not() {
        let mut all = abc();
        let (mark, _) = all.after(0).nth(1).expect("two items");
        all.remove("a");
        assert_eq!(all.after(mark).map(|(_, item)| *item).collect::<Vec<_>>(), ["c"]);
        assert_eq!(all.from_position(2).count(), 0);
    }

    #[test]
    fn ids_are_found_after_others_are_gone() {
        let mut all = abc();
        assert_eq!(all.remove("b"), Some("b"));
        assert_eq!(all.get("c"), Some(&"c"));
        assert_eq!(all.get("b"), None);
        assert_eq!(all.remove("b"), None);
    }
}
