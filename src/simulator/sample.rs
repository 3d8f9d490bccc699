//! The sample organization: some thirty people whose names are those of pioneers of mathematics and computing, and a team
//! where each of them shows something. What the first plan makes of it is said beside each.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::directory::Directory;
use super::state::World;
use super::team::{Grant, Team};

const APP: &str = "6440000001";
const WATCH_APP: &str = "6440000002";

/// Local part, first name, last name, department.
type Row = (&'static str, &'static str, &'static str, &'static str);

/// In "iOS Admins", which is in "iOS Developers" and whose rule gives ADMIN.
const ADMINS: [Row; 2] = [("ada", "Ada", "King", "Mobile"), ("katherine", "Katherine", "Johnson", "Mobile")];

/// In "Watch Team", which is in "iOS Developers" and whose rule gives one app.
const WATCH: [Row; 3] = [
    ("hedy", "Hedy", "Lamarr", "Mobile"),
    // No seats: invited, with one app.
    ("betty", "Betty", "Holberton", "Mobile"),
    ("sofya", "Sofya", "Kovalevskaya", "Research"),
];

/// In "iOS Developers" themselves.
const DEVELOPERS: [Row; 15] = [
    ("alan", "Alan", "Turing", "Mobile"),
    ("edsger", "Edsger", "Dijkstra", "Platform"),
    ("kathleen", "Kathleen", "Booth", "Mobile"),
    ("emmy", "Emmy", "Noether", "Research"),
    ("dorothy", "Dorothy", "Vaughan", "Platform"),
    ("annie", "Annie", "Easley", "Mobile"),
    ("maryam", "Maryam", "Mirzakhani", "Research"),
    ("karen", "Karen", "Sparck Jones", "Research"),
    ("tom", "Tom", "Kilburn", "Platform"),
    ("evelyn", "Evelyn", "Granville", "Platform"),
    // No seats: invited.
    ("grace", "Grace", "Hopper", "Mobile"),
    ("joan", "Joan", "Clarke", "Mobile"),
    ("claude", "Claude", "Shannon", "Research"),
    ("jean", "Jean", "Sammet", "Mobile"),
    // Not an employee, so the filter leaves him out.
    ("donald", "Donald", "Michie", "Research"),
];

/// In other departments, and in no group of the scope.
const OTHERS: [Row; 11] = [
    // Has a seat nonetheless, which nobody may take without being told to: reported.
    ("john", "John", "Backus", "Finance"),
    ("mary.jackson", "Mary", "Jackson", "Finance"),
    ("mary.somerville", "Mary", "Somerville", "Marketing"),
    ("ida", "Ida", "Rhodes", "Operations"),
    ("niklaus", "Niklaus", "Wirth", "Research"),
    ("ole-johan", "Ole-Johan", "Dahl", "Research"),
    ("kristen", "Kristen", "Nygaard", "Research"),
    ("beatrice", "Beatrice", "Worsley", "Operations"),
    ("adele", "Adele", "Goldstine", "Marketing"),
    ("klara", "Klara", "von Neumann", "Operations"),
    ("george", "George", "Boole", "Finance"),
];

impl World {
    /// The sample organization as of now. With the configuration of [`super::write_files`] a first plan has
    /// invitations, an update and a removal; once it is applied, the next has no operation, only entries that are held.
    pub fn sample() -> Self {
        Self::sample_at(Timestamp::now())
    }

    /// The sample organization as of a given time, for clocks that are turned by hand.
    pub fn sample_at(now: Timestamp) -> Self {
        Self { team: team(now), directory: directory() }
    }
}

fn directory() -> Directory {
    let mut directory = Directory::default();
    let everybody = ADMINS.iter().chain(&WATCH).chain(&DEVELOPERS).chain(&OTHERS);
    for (number, (local, given, family, department)) in everybody.enumerate() {
        let id = directory.add_person(&address(local), given, family);
        let Some(person) = directory.people.get_mut(&id) else { continue };
        person.enterprise.insert("department".into(), json!(department));
        person.enterprise.insert("employeeNumber".into(), json!(format!("{}", 1001 + number)));
    }
    directory.add_person("svc-build@example.com", "Build", "Service");
    group(&mut directory, "iOS Admins", &ADMINS, &[]);
    group(&mut directory, "Watch Team", &WATCH, &[]);
    group(
        &mut directory,
        "iOS Developers",
        &DEVELOPERS,
        &["iOS Admins", "Watch Team", "svc-build@example.com"],
    );
    group(&mut directory, "Everybody Else", &OTHERS, &[]);
    say_more(&mut directory);
    directory
}

fn address(local: &str) -> String {
    format!("{local}@example.com")
}

fn group(directory: &mut Directory, name: &str, rows: &[Row], more: &[&str]) {
    let addresses: Vec<String> = rows.iter().map(|(local, ..)| address(local)).collect();
    let members: Vec<&str> = addresses.iter().map(String::as_str).chain(more.iter().copied()).collect();
    directory.add_group(name, &members);
}

/// What sets single people apart.
fn say_more(directory: &mut Directory) {
    let custom: [(&str, &str, Value); 5] = [
        ("kathleen", "appStoreConnect_role", json!(["APP_MANAGER"])),
        // Is a DEVELOPER only: updated.
        ("emmy", "appStoreConnect_role", json!(["DEVELOPER", "APP_MANAGER"])),
        // Holds add-on roles besides, which are preserved: unchanged.
        ("annie", "appStoreConnect_role", json!("DEVELOPER")),
        ("joan", "appStoreConnect_role", json!("DEVELOPER, MARKETING")),
        ("maryam", "appStoreConnect_appleAccount", json!("maryam.mirzakhani@example.org")),
    ];
    for (local, name, value) in custom {
        if let Some(person) = directory.person_mut(&address(local)) {
            person.custom.insert(name.into(), value);
        }
    }
    if let Some(donald) = directory.person_mut("donald@example.com") {
        donald.user_type = "Contractor".into();
    }
    // Left the company, and her seat is still there: removed.
    if let Some(evelyn) = directory.person_mut("evelyn@example.com") {
        evelyn.active = false;
    }
}

fn team(now: Timestamp) -> Team {
    let mut team = Team::default();
    team.add_app(APP, "Example", "com.example.app");
    team.add_app(WATCH_APP, "Example for Watch", "com.example.watch");
    team.add_app("6440000003", "Example Admin", "com.example.admin");
    let developer = || Grant::roles(&["DEVELOPER"]);
    let with_more = Grant::roles(&["DEVELOPER", "CREATE_APPS", "ACCESS_TO_REPORTS"]);
    let members = [
        ("owner@example.com", "Jean", "Bartik", Grant::roles(&["ACCOUNT_HOLDER", "ADMIN"])),
        ("ada@example.com", "Ada", "King", Grant::roles(&["ADMIN"])),
        ("katherine@example.com", "Katherine", "Johnson", Grant::roles(&["ADMIN"])),
        ("alan@example.com", "Alan", "Turing", developer()),
        ("edsger@example.com", "Edsger", "Dijkstra", Grant::roles(&["DEVELOPER", "APP_MANAGER"])),
        ("kathleen@example.com", "Kathleen", "Booth", Grant::roles(&["APP_MANAGER"])),
        ("emmy@example.com", "Emmy", "Noether", developer()),
        // Apple keeps the case that an account was created with.
        ("Dorothy@Example.com", "Dorothy", "Vaughan", developer()),
        ("annie@example.com", "Annie", "Easley", with_more),
        ("maryam.mirzakhani@example.org", "Maryam", "Mirzakhani", developer()),
        ("hedy@example.com", "Hedy", "Lamarr", developer().with_apps(&[WATCH_APP])),
        ("evelyn@example.com", "Evelyn", "Granville", developer()),
        ("john@example.com", "John", "Backus", developer()),
        // Nobody in the directory: reported.
        ("konrad@example.net", "Konrad", "Zuse", developer().with_apps(&[APP])),
    ];
    for (username, first, last, grant) in members {
        team.add_member(username, (first, last), grant);
    }
    let days = |days: i64| now.saturating_add(SignedDuration::from_hours(24 * days)).unwrap_or(now);
    team.add_invitation("karen@example.com", ("Karen", "Sparck Jones"), developer(), days(2));
    // Expired: cancelled and sent again.
    team.add_invitation("tom@example.com", ("Tom", "Kilburn"), developer(), days(-4));
    team
}
