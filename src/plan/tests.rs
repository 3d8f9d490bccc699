//! What the product promises about plans, as small worlds in words and the plans they must give. See `world` for the words.

mod acceptance;
mod access;
mod conflicts;
mod explain;
mod guards;
mod incomplete;
mod invitations;
mod leavers;
mod nouns;
mod properties;
mod saved;
mod scope;
mod speed;
mod unmanaged;
pub(crate) mod world;

use world::World;

/// A world and the plan it must give, both in words; order of lines and blanks around them do not matter in the world.
#[track_caller]
fn check(world: &str, plan: &str) {
    let world = World::read(world);
    let lines = |text: &str| {
        text.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect::<Vec<_>>()
    };
    let planned = world.plan();
    let shown = world::show(&planned);
    assert_eq!(lines(&shown), lines(plan), "\n--- the plan is\n{shown}");
}
