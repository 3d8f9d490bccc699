//! Large worlds for benches and tests.

use super::ids::mix;
use super::state::World;
use super::team::Grant;

const GIVEN: [&str; 8] = ["Ada", "Alan", "Grace", "Emmy", "Hedy", "Claude", "Edsger", "Joan"];
const FAMILY: [&str; 8] = ["King", "Turing", "Hopper", "Noether", "Lamarr", "Shannon", "Dijkstra", "Clarke"];

impl World {
    /// `people` in the directory, the first `seats` of them members of "iOS Developers" with a seat each that fits, and
    /// an Account Holder besides. So a first plan with the configuration of [`super::write_files`] has no operation, and
    /// whatever a test wants to see it changes itself. The seed decides names only.
    pub fn generated(people: usize, seats: usize, seed: u64) -> Self {
        let mut world = Self::default();
        world.team.add_app("6440000001", "Example", "com.example.app");
        world.team.add_app("6440000002", "Example for Watch", "com.example.watch");
        let holder = Grant::roles(&["ACCOUNT_HOLDER", "ADMIN"]);
        world.team.add_member("owner@example.com", ("Jean", "Bartik"), holder);
        let developers = world.directory.add_group("iOS Developers", &[]);
        for empty in ["iOS Admins", "Watch Team"] {
            world.directory.add_group(empty, &[]);
        }
        let mut state = seed;
        let mut members = Vec::with_capacity(seats);
        for number in 0..people {
            let pick = |names: [&'static str; 8], bits: u64| names[usize::try_from(bits % 8).unwrap_or(0)];
            let bits = mix(&mut state);
            let (given, family) = (pick(GIVEN, bits), pick(FAMILY, bits >> 8));
            let address = format!("p{number:07}@example.com");
            let id = world.directory.add_person(&address, given, family);
            if number < seats {
                world.team.add_member(&address, (given, family), Grant::roles(&["DEVELOPER"]));
                members.push(super::directory::Belongs::Person(id.into()));
            }
        }
        if let Some(group) = world.directory.groups.get_mut(&developers) {
            group.members = members;
        }
        world
    }
}
