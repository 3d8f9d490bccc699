//! The people behind both sides: who they are, whose seat is whose, and what they and their administrators do.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use rosterd::simulator::directory::Person;
use rosterd::simulator::team::{Grant, INVITATION_LIFETIME};
use rosterd::simulator::{Acceptance, State, World};
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::settings::{ADMINS, GROUPS, SALES, SCOPE, WATCH};

pub(crate) const APPS: [&str; 2] = ["6440000001", "6440000002"];

/// Somebody of flesh and blood, whatever both sides call them.
#[derive(Clone, Debug)]
pub(crate) struct Human {
    pub(crate) names: (String, String),
    /// The work address of now.
    pub(crate) mail: String,
    /// Every address and Apple Account they ever had.
    pub(crate) all_names: Vec<String>,
    /// Another Apple Account that they sign in with.
    pub(crate) account: Option<String>,
    /// The id of now in the directory.
    pub(crate) person: Option<String>,
    /// Something happened that may well leave doubt about who they are.
    pub(crate) odd: bool,
    /// An administrator laid hands on their seat at request number so and so.
    pub(crate) by_hand: u64,
    pub(crate) ever_in_scope: bool,
    /// Accepted under another account and another name: nobody could tell.
    pub(crate) hidden: bool,
    /// Addresses that they wrote into their profile themselves.
    pub(crate) claims: Vec<String>,
    /// Addresses of a colleague that the organization gave them as well.
    pub(crate) shared: Vec<String>,
    /// Apple refuses every write about them.
    pub(crate) refused: bool,
}

/// A seat that somebody has, or had.
#[derive(Clone, Debug)]
pub(crate) struct Seat {
    pub(crate) human: Option<usize>,
    /// Invited by rosterd.
    pub(crate) ours: bool,
    /// Managed by it, at some time since it is there.
    pub(crate) managed: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct People {
    pub(crate) humans: Vec<Human>,
    /// By id of member or invitation, also those that are gone.
    pub(crate) seats: BTreeMap<String, Seat>,
    born: usize,
}

impl People {
    pub(crate) fn of_person(&self, id: &str) -> Option<usize> {
        self.humans.iter().position(|human| human.person.as_deref() == Some(id))
    }

    /// Whoever has this address or account now; else whoever had it.
    pub(crate) fn of_name(&self, name: &str) -> Option<usize> {
        let is = |own: &String| own.eq_ignore_ascii_case(name);
        let now = |human: &Human| is(&human.mail) || human.account.as_ref().is_some_and(is);
        let before = |human: &Human| human.all_names.iter().any(is);
        self.humans.iter().position(now).or_else(|| self.humans.iter().position(before))
    }

    fn born(&mut self, mail: Option<&str>) -> usize {
        self.born += 1;
        let number = self.born;
        let mail = mail.map_or_else(|| format!("p{number}@example.com"), str::to_owned);
        self.humans.push(Human {
            names: (format!("Given{number}"), format!("Family{number}")),
            all_names: vec![mail.clone()],
            mail,
            account: None,
            person: None,
            odd: false,
            by_hand: 0,
            ever_in_scope: false,
            hidden: false,
            claims: Vec::new(),
            shared: Vec::new(),
            refused: false,
        });
        self.humans.len() - 1
    }

    fn employ(&mut self, state: &mut State, who: usize, dice: &mut Dice) {
        let human = &mut self.humans[who];
        let id = state.directory.add_person(&human.mail, &human.names.0, &human.names.1);
        human.person = Some(id.clone());
        human.claims.clear();
        human.shared.clear();
        if let Some(person) = state.directory.person_mut(&id) {
            let department = dice.pick(&["Mobile", "Research", "Platform", "Finance"]);
            person.enterprise.insert("department".into(), json!(department));
            if dice.chance(8) {
                person.user_type = "Contractor".into();
            }
            if dice.chance(6) {
                human.account = Some(format!("home{who}@example.org"));
                human.all_names.extend(human.account.clone());
                person.custom.insert("appStoreConnect_appleAccount".into(), json!(human.account));
            }
        }
        let first = dice.pick(&[SCOPE, SCOPE, SCOPE, WATCH, ADMINS, SALES]);
        state.directory.join(first, &id);
        if dice.chance(15) {
            state.directory.join(dice.pick(&GROUPS), &id);
        }
    }

    fn seated(
        &mut self,
        state: &mut State,
        who: Option<usize>,
        name: &str,
        names: (&str, &str),
        grant: Grant,
    ) {
        let id = state.team.add_member(name, names, grant);
        self.seats.insert(id, Seat { human: who, ours: false, managed: false });
    }

    /// A company of now.
    pub(crate) fn world(dice: &mut Dice) -> World {
        // Built with a state around it by `settle_in`; only the plain parts are made here.
        let mut world = World::default();
        for (id, name, bundle) in
            [(APPS[0], "Example", "com.example.app"), (APPS[1], "Example for Watch", "com.example.watch")]
        {
            world.team.add_app(id, name, bundle);
        }
        for group in [ADMINS, WATCH, SALES] {
            world.directory.add_group(group, &[]);
        }
        let inner: Vec<&str> = [ADMINS, WATCH].into_iter().filter(|_| dice.chance(70)).collect();
        world.directory.add_group(SCOPE, &inner);
        world
    }

    /// Fills both sides.
    pub(crate) fn settle_in(&mut self, state: &mut State, dice: &mut Dice) {
        let owner = self.born(Some("owner@example.com"));
        let names = self.humans[owner].names.clone();
        let grant = Grant::roles(&["ACCOUNT_HOLDER", "ADMIN"]);
        self.seated(state, Some(owner), "owner@example.com", (&names.0, &names.1), grant);
        if dice.chance(50) {
            self.employ(state, owner, dice);
        }
        let vip = self.born(Some("vip1@example.com"));
        self.employ(state, vip, dice);
        let names = self.humans[vip].names.clone();
        let grant = random_grant(dice);
        self.seated(state, Some(vip), "vip1@example.com", (&names.0, &names.1), grant);
        for _ in 0..3 + dice.below(18) {
            let who = self.born(None);
            self.employ(state, who, dice);
            let human = self.humans[who].clone();
            if dice.chance(60) {
                let name = human.account.clone().unwrap_or(human.mail);
                let grant = random_grant(dice);
                self.seated(state, Some(who), &name, (&human.names.0, &human.names.1), grant);
            }
        }
        for number in 0..dice.below(3) {
            let name = format!("stranger{number}@example.net");
            let grant = random_grant(dice);
            self.seated(state, None, &name, ("Somebody", &format!("Else{number}")), grant);
        }
    }
}

/// What somebody may have come by.
pub(crate) fn random_grant(dice: &mut Dice) -> Grant {
    let roles: &[&str] = dice.pick(&[
        &["DEVELOPER"][..],
        &["DEVELOPER"][..],
        &["ADMIN"][..],
        &["DEVELOPER", "APP_MANAGER"][..],
        &["SALES", "MARKETING"][..],
        &["DEVELOPER", "CREATE_APPS"][..],
    ]);
    let mut grant = Grant::roles(roles);
    if dice.chance(25) && !grant.forces_all_apps() {
        let app = dice.pick(&APPS);
        grant = grant.with_apps(&[app]);
    } else if dice.chance(15) {
        grant.provisioning = true;
    }
    grant
}

/// Something happens to somebody. Returns what, for the trace.
pub(crate) fn happen(people: &mut People, state: &mut State, dice: &mut Dice) -> String {
    let who = dice.below(people.humans.len());
    let what = dice.below(100);
    match what {
        0..=11 => {
            let who = people.born(None);
            people.employ(state, who, dice);
            format!("{} joins the company", people.humans[who].mail)
        }
        12..=39 => in_directory(people, state, dice, who),
        40..=69 => answers(people, state, dice),
        70..=89 => by_hand(people, state, dice),
        _ => identity(people, state, dice, who),
    }
}

/// Joiners, movers and leavers.
fn in_directory(people: &mut People, state: &mut State, dice: &mut Dice, who: usize) -> String {
    let mail = people.humans[who].mail.clone();
    let Some(id) = people.humans[who].person.clone() else {
        people.employ(state, who, dice);
        people.humans[who].odd = true;
        return format!("{mail} comes back under another id");
    };
    match dice.below(9) {
        0..=1 => {
            let group = dice.pick(&GROUPS);
            state.directory.leave(group, &id);
            format!("{mail} leaves {group}")
        }
        2..=3 => {
            let group = dice.pick(&GROUPS);
            state.directory.join(group, &id);
            format!("{mail} joins {group}")
        }
        4..=5 => {
            let active = state.directory.person(&id).is_some_and(|person| person.active);
            if let Some(person) = state.directory.person_mut(&id) {
                person.active = !active;
            }
            format!("{mail} is {}", if active { "disabled" } else { "enabled" })
        }
        6 => {
            state.directory.remove_person(&id);
            people.humans[who].person = None;
            format!("{mail} is deleted")
        }
        7 => {
            let roles = dice.pick(&[
                json!(["DEVELOPER"]),
                json!("DEVELOPER, MARKETING"),
                json!(["ADMIN"]),
                json!("APP_MANAGER"),
                json!(["NO_SUCH_ROLE"]),
                json!(null),
            ]);
            if let Some(person) = state.directory.person_mut(&id) {
                if roles.is_null() {
                    person.custom.remove("appStoreConnect_role");
                } else {
                    person.custom.insert("appStoreConnect_role".into(), roles.clone());
                }
            }
            format!("{mail} has the roles {roles}")
        }
        _ => {
            let kind = dice.pick(&["Employee", "Contractor"]);
            if let Some(person) = state.directory.person_mut(&id) {
                person.user_type = kind.into();
            }
            format!("{mail} is {kind}")
        }
    }
}

/// Addresses and names change.
fn identity(people: &mut People, state: &mut State, dice: &mut Dice, who: usize) -> String {
    let mail = people.humans[who].mail.clone();
    let protected = mail.starts_with("owner@") || mail.starts_with("vip");
    let Some(id) = people.humans[who].person.clone().filter(|_| !protected) else {
        return "nothing happens".to_owned();
    };
    let what = dice.below(5);
    if what > 2 {
        return claim(people, state, dice, who);
    }
    let human = &mut people.humans[who];
    human.odd = true;
    let Some(person) = state.directory.person_mut(&id) else { return "nothing happens".to_owned() };
    match what {
        0 => {
            human.mail = format!("moved{}.{mail}", dice.below(1000));
            human.all_names.push(human.mail.clone());
            person.user_name = human.mail.as_str().into();
            if !human.claims.is_empty() || !human.shared.is_empty() {
                write_down(human, person);
            }
            format!("{mail} has the address {} now", human.mail)
        }
        1 => {
            human.names.1 = format!("Newname{}", dice.below(1000));
            person.family_name = human.names.1.as_str().into();
            format!("{mail} is called {} now", human.names.1)
        }
        _ => {
            human.account = Some(format!("home{who}@example.org"));
            human.all_names.extend(human.account.clone());
            person.custom.insert("appStoreConnect_appleAccount".into(), json!(human.account));
            format!("{mail} names {:?} as Apple Account", human.account)
        }
    }
}

/// Somebody writes an address into their own profile that is not theirs, of a seat or of a colleague; or the organization
/// gives them one that a colleague has.
fn claim(people: &mut People, state: &mut State, dice: &mut Dice, who: usize) -> String {
    let seats = state.team.members.iter().map(|member| &member.username);
    let seats = seats.chain(state.team.invitations.iter().map(|invitation| &invitation.email));
    let all: Vec<String> = seats
        .chain(people.humans.iter().map(|human| &human.mail))
        .map(|name| name.to_ascii_lowercase())
        .collect();
    let strangers = state
        .team
        .members
        .iter()
        .filter(|member| people.seats.get(&member.id).is_none_or(|seat| seat.human.is_none()));
    let strangers: Vec<String> = strangers.map(|member| member.username.clone()).collect();
    let name = if dice.chance(40) && !strangers.is_empty() { dice.pick(&strangers) } else { dice.pick(&all) };
    // Whose seat is managed keeps it, whoever else has the address.
    let linked = state.team.members.iter().filter(|member| {
        people.seats.get(&member.id).is_some_and(|seat| seat.managed && seat.human.is_some())
    });
    let linked: Vec<String> = linked.map(|member| member.username.to_ascii_lowercase()).collect();
    let shared = dice.chance(35) && !linked.is_empty();
    let name = if shared { dice.pick(&linked) } else { name };
    let human = &mut people.humans[who];
    let theirs = human.all_names.iter().any(|own| own.eq_ignore_ascii_case(&name));
    let person = human.person.as_ref().and_then(|id| state.directory.person_mut(id));
    let Some(person) = person.filter(|_| !theirs) else { return "nothing happens".to_owned() };
    let (list, what) =
        if shared { (&mut human.shared, "is given") } else { (&mut human.claims, "writes down") };
    list.push(name.clone());
    write_down(human, person);
    format!("{} {what} the address {name}", human.mail)
}

/// The profile of somebody who wrote addresses into it.
fn write_down(human: &Human, person: &mut Person) {
    let work = json!({"value": human.mail, "type": "work", "primary": true});
    let own = human.claims.iter().map(|claim| json!({"value": claim, "type": "home"}));
    let shared = human.shared.iter().map(|name| json!({"value": name, "type": "work"}));
    let emails: Vec<Value> = [work].into_iter().chain(own).chain(shared).collect();
    let proxies: Vec<String> = human.shared.iter().map(|name| format!("smtp:{name}")).collect();
    person.core.insert("proxyAddresses".into(), json!(proxies));
    person.core.insert("emails".into(), json!(emails));
    person.core.insert("otherMails".into(), json!(human.claims));
}

/// An administrator gives a member other access.
pub(crate) fn lay_hands_on(people: &mut People, state: &mut State, id: &str, grant: Grant) -> String {
    if let Some(who) = people.seats.get(id).and_then(|seat| seat.human) {
        people.humans[who].by_hand = state.answered() + 1;
    }
    let Some(member) = state.team.members.get_mut(id) else { return String::new() };
    member.grant = grant;
    format!("an administrator gives {} {:?}", member.username, member.grant.roles)
}

/// Whoever was invited follows the link.
fn answers(people: &mut People, state: &mut State, dice: &mut Dice) -> String {
    let open: Vec<(String, String)> = (state.team.invitations.iter())
        .map(|invitation| (invitation.id.clone(), invitation.email.clone()))
        .collect();
    if open.is_empty() {
        return "nothing happens".to_owned();
    }
    let (invitation, email) = dice.pick(&open);
    let Some(seat) = people.seats.get(&invitation).cloned() else { return "nothing happens".to_owned() };
    let mut how = Acceptance::default();
    if let Some(who) = seat.human {
        let human = &mut people.humans[who];
        how.apple_account.clone_from(&human.account);
        if how.apple_account.is_none() && dice.chance(10) {
            human.odd = true;
            human.account = Some(format!("private{who}@example.org"));
            human.all_names.extend(human.account.clone());
            how.apple_account.clone_from(&human.account);
            if dice.chance(30) {
                human.hidden = true;
                how.names = Some((human.names.0.clone(), "Otherwise".to_owned()));
            }
        }
    }
    let now = state.now();
    match state.team.accept(&email, how.clone(), now) {
        Ok(member) => {
            people.seats.insert(member, Seat { managed: false, ..seat });
            format!("{email} accepts as {:?}", how.apple_account)
        }
        Err(error) => format!("{email} does not accept: {error}"),
    }
}

/// Administrators at App Store Connect.
fn by_hand(people: &mut People, state: &mut State, dice: &mut Dice) -> String {
    let holder =
        |state: &State, id: &str| state.team.members.get(id).is_some_and(|m| m.grant.is_account_holder());
    let members: Vec<String> =
        (state.team.members.iter()).map(|member| member.id.clone()).filter(|id| !holder(state, id)).collect();
    let open: Vec<String> = state.team.invitations.iter().map(|invitation| invitation.id.clone()).collect();
    let number = state.answered();
    let touch = |people: &mut People, id: &str| {
        if let Some(who) = people.seats.get(id).and_then(|seat| seat.human) {
            people.humans[who].by_hand = number + 1;
        }
    };
    match dice.below(6) {
        0 if !members.is_empty() => {
            let id = dice.pick(&members);
            let gone = state.team.members.remove(&id);
            touch(people, &id);
            format!("an administrator removes {:?}", gone.map(|member| member.username))
        }
        1 if !open.is_empty() => {
            let id = dice.pick(&open);
            let gone = state.team.cancel(&id);
            touch(people, &id);
            if let Some(who) = people.seats.get(&id).and_then(|seat| seat.human) {
                people.humans[who].odd = true;
            }
            format!("an administrator cancels the invitation of {:?}", gone.map(|gone| gone.email))
        }
        2..=3 if !members.is_empty() => {
            let id = dice.pick(&members);
            lay_hands_on(people, state, &id, random_grant(dice))
        }
        4 => {
            let who = dice.below(people.humans.len());
            let (mail, names) = (people.humans[who].mail.clone(), people.humans[who].names.clone());
            let free = state.team.member(&mail).is_none() && state.team.invitation(&mail).is_none();
            let seated =
                people.humans[who].account.as_ref().is_some_and(|name| state.team.member(name).is_some());
            if !free || seated {
                return "nothing happens".to_owned();
            }
            let days = dice.pick(&[-1_i64, 3]);
            let expires: Timestamp = if days < 0 {
                state.now() - SignedDuration::from_hours(1)
            } else {
                state.now() + INVITATION_LIFETIME
            };
            let id = state.team.add_invitation(&mail, (&names.0, &names.1), random_grant(dice), expires);
            people.seats.insert(id.clone(), Seat { human: Some(who), ours: false, managed: false });
            touch(people, &id);
            format!("an administrator invites {mail}")
        }
        _ => {
            let (outer, inner) = (SCOPE, dice.pick(&[ADMINS, WATCH]));
            if state.directory.leave(outer, inner) {
                format!("{inner} is no longer in {outer}")
            } else {
                state.directory.join(outer, inner);
                format!("{inner} is in {outer}")
            }
        }
    }
}
