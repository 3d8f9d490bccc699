//! Companies of any size, made when they are asked for: as snapshots, as the bodies a provider sends, as simulated sides.

use std::fmt::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use rosterd::model::event::LinkBy;
use rosterd::model::ledger::Link;
use rosterd::model::policy::{
    AccessPolicy, AddressGlobs, AttributeNames, Combine, Grant, GuardPolicy, Lifecycle, NewAdmins, OnJoin,
    OnLeave, Rule, Scope, ScopeMode, Unmanaged,
};
use rosterd::model::{
    Access, Activity, Address, Addresses, Attributes, Coverage, DirectorySnapshot, Filter, Group,
    GroupMember, Ledger, Member, Person, PersonRef, Policy, Role, SeatId, TeamSnapshot,
};

/// The group of everybody in scope.
pub(crate) const GROUP: &str = "iOS Developers";
/// Where providers keep custom attributes.
pub(crate) const CUSTOM: &str = "urn:ietf:params:scim:schemas:extension:custom:2.0:User";
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const GIVEN: [&str; 8] = ["Ada", "Grace", "Emmy", "Katherine", "Radia", "Barbara", "Frances", "Sophie"];
const FAMILY: [&str; 8] = ["King", "Hopper", "Noether", "Johnson", "Perlman", "Liskov", "Allen", "Wilson"];

/// So many people, so many of them with a seat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    pub(crate) people: usize,
    pub(crate) seats: usize,
}

impl Size {
    pub(crate) const ALL: [Self; 4] = [
        Self { name: "1k", people: 1_000, seats: 200 },
        Self { name: "10k", people: 10_000, seats: 2_000 },
        Self { name: "100k", people: 100_000, seats: 10_000 },
        Self { name: "1m", people: 1_000_000, seats: 50_000 },
    ];

    pub(crate) fn named(name: &str) -> Self {
        Self::ALL.into_iter().find(|size| size.name == name).expect("a size")
    }

    /// Every so many people have a seat.
    fn stride(self) -> usize {
        self.people / self.seats
    }

    pub(crate) fn has_seat(self, at: usize) -> bool {
        at.is_multiple_of(self.stride()) && at / self.stride() < self.seats
    }

    pub(crate) fn seated(self) -> impl Iterator<Item = usize> {
        (0..self.people).filter(move |at| self.has_seat(*at))
    }
}

pub(crate) fn given(at: usize) -> &'static str {
    GIVEN[at % GIVEN.len()]
}

pub(crate) fn family(at: usize) -> &'static str {
    FAMILY[at / GIVEN.len() % FAMILY.len()]
}

pub(crate) fn email(at: usize) -> String {
    format!("{}.{}.{at}@example.com", given(at).to_lowercase(), family(at).to_lowercase())
}

/// Shaped like the ids of real providers, and in the order of their numbers.
pub(crate) fn person_id(at: usize) -> String {
    format!("{at:08x}-6b1f-4d7c-9a3e-{:012x}", at.wrapping_mul(0x9e37_79b9) & 0xffff_ffff_ffff)
}

fn member_id(at: usize) -> String {
    format!("{at:08x}-0000-47e3-e053-5b8c7c11a4d1")
}

/// One person as providers of this protocol record them: about a kilobyte, of which little is used.
fn write_user(body: &mut String, at: usize) {
    let (id, given, family, email) = (person_id(at), given(at), family(at), email(at));
    let active = !at.is_multiple_of(97);
    let _ = write!(
        body,
        r#"{{"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","{ENTERPRISE}","{CUSTOM}"],"id":"{id}","externalId":"00u{at:017}","userName":"{email}","name":{{"formatted":"{given} {family}","givenName":"{given}","familyName":"{family}"}},"displayName":"{given} {family}","nickName":"{given}","title":"Engineer {at}","userType":"Employee","preferredLanguage":"en-US","locale":"en-US","timezone":"Europe/Berlin","active":{active},"emails":[{{"value":"{email}","type":"work","primary":true}},{{"value":"p{at}@example.org","type":"home"}}],"phoneNumbers":[{{"value":"+49 30 {at:08}","type":"work"}}],"addresses":[{{"type":"work","streetAddress":"Example Street {at}","locality":"Berlin","postalCode":"10115","country":"DE"}}],"{ENTERPRISE}":{{"employeeNumber":"{at}","department":"Department {}","costCenter":"{}","manager":{{"value":"{}"}}}},"{CUSTOM}":{{"appStoreConnect_role":null}},"meta":{{"resourceType":"User","created":"2024-01-15T09:30:00.000Z","lastModified":"2026-03-02T11:00:00.000Z","location":"https://idp.example.com/scim/v2/Users/{id}"}}}}"#,
        at % 40,
        at % 400,
        person_id(at / 10),
    );
}

/// A page of people from position `start` (from 1).
pub(crate) fn users_page(size: Size, start: usize, count: usize) -> String {
    let last = (start - 1 + count).min(size.people);
    let mut body = format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":{},"startIndex":{start},"itemsPerPage":{},"Resources":["#,
        size.people,
        last + 1 - start,
    );
    for at in start - 1..last {
        if at >= start {
            body.push(',');
        }
        write_user(&mut body, at);
    }
    body.push_str("]}");
    body
}

/// A page of Apple's list of members, the first of which is the `from`th seat.
pub(crate) fn members_page(size: Size, from: usize, count: usize) -> String {
    let mut body = String::from(r#"{"data":["#);
    for (row, at) in size.seated().skip(from).take(count).enumerate() {
        if row > 0 {
            body.push(',');
        }
        let (id, email, given, family) = (member_id(at), email(at), given(at), family(at));
        let _ = write!(
            body,
            r#"{{"type":"users","id":"{id}","attributes":{{"username":"{email}","firstName":"{given}","lastName":"{family}","roles":["DEVELOPER"],"allAppsVisible":true,"provisioningAllowed":false}},"relationships":{{"visibleApps":{{"meta":{{"paging":{{"total":0,"limit":50}}}},"data":[],"links":{{"self":"https://api.example.com/v1/users/{id}/relationships/visibleApps","related":"https://api.example.com/v1/users/{id}/visibleApps"}}}}}},"links":{{"self":"https://api.example.com/v1/users/{id}"}}}}"#
        );
    }
    let _ = write!(
        body,
        r#"],"links":{{"self":"https://api.example.com/v1/users"}},"meta":{{"paging":{{"total":{},"limit":200}}}}}}"#,
        size.seats
    );
    body
}

fn person(at: usize) -> Person {
    let name: Arc<str> = email(at).into();
    let mut attributes = Attributes::default();
    attributes.insert("usertype", "Employee".into());
    Person {
        id: person_id(at).into(),
        addresses: Addresses::new([Address::new(&name)], [Address::new(&format!("p{at}@example.org"))]),
        user_name: Some(name),
        given_name: Some(given(at).into()),
        family_name: Some(family(at).into()),
        display_name: Some(format!("{} {}", given(at), family(at)).into()),
        activity: if at.is_multiple_of(97) { Activity::Disabled } else { Activity::Active },
        attributes,
    }
}

/// Everybody, and the group of those with a seat.
pub(crate) fn directory(size: Size) -> DirectorySnapshot {
    let members = size.seated().map(|at| GroupMember::Person(person_id(at).into())).collect();
    let group = Group { id: "g-ios".into(), name: GROUP.into(), members };
    let people = (0..size.people).map(person).collect();
    DirectorySnapshot::new(people, vec![group], Vec::new(), Coverage::Complete)
}

fn access() -> Access {
    Access {
        roles: [Role::DEVELOPER].into(),
        all_apps_visible: Some(true),
        provisioning_allowed: Some(false),
        visible_apps: Some([].into()),
    }
}

/// A seat for everybody in scope.
pub(crate) fn team(size: Size) -> TeamSnapshot {
    let members = size.seated().map(|at| Member {
        id: member_id(at).into(),
        user_name: Address::new(&email(at)),
        first_name: Some(given(at).into()),
        last_name: Some(family(at).into()),
        access: access(),
    });
    TeamSnapshot::new(members.collect(), Vec::new(), [].into(), Coverage::Complete)
}

/// A ledger that knows who everybody is.
pub(crate) fn ledger(size: Size, now: Timestamp) -> Ledger {
    let mut ledger = Ledger::default();
    for at in size.seated() {
        let address = Address::new(&email(at));
        let name = format!("{} {}", given(at), family(at));
        let person = PersonRef { id: person_id(at).into(), email: Some(address.clone()), name };
        let link = Link {
            seat: Some(SeatId::Member(member_id(at).into())),
            by: LinkBy::Address,
            name: address,
            since: now,
            applied: Some(access()),
            invited_as: None,
            expires: None,
            invitations_sent: 0,
            awaiting_link: false,
            person,
        };
        ledger.links.insert(link.person.id.clone(), link);
    }
    ledger
}

/// An ordinary configuration: a group, a filter, a rule, an exclusion, attributes that a few people carry.
pub(crate) fn policy() -> Policy {
    let globs = |patterns: &[&str]| AddressGlobs::new(patterns).expect("globs");
    let filter = |text| Filter::parse(text).expect("a filter");
    let preserved = ["CREATE_APPS", "GENERATE_INDIVIDUAL_KEYS", "ACCESS_TO_REPORTS"];
    let rule = Rule {
        number: 1,
        group: Some(GROUP.into()),
        filter: None,
        grant: Grant { roles: Some([Role::DEVELOPER].into()), ..Grant::default() },
    };
    let report = OnLeave::Report;
    Policy {
        team: "bench".into(),
        scope: Scope {
            mode: ScopeMode::Groups(vec![GROUP.into()]),
            nested: true,
            filter: Some(filter(r#"userType eq "Employee""#)),
            exclude: globs(&["svc-*@example.com"]),
        },
        access: AccessPolicy {
            defaults: Grant {
                roles: Some([Role::DEVELOPER].into()),
                all_apps_visible: Some(true),
                provisioning_allowed: Some(false),
                apps: Vec::new(),
            },
            combine: Combine::Union,
            match_addresses: rosterd::model::policy::MatchAddresses::Work,
            preserve_roles: preserved.into_iter().map(Role::new).collect(),
            rules: vec![rule],
            attributes: AttributeNames {
                roles: Some("appStoreConnect_role".into()),
                all_apps_visible: Some("appStoreConnect_allAppsVisible".into()),
                provisioning_allowed: Some("appStoreConnect_provisioningAllowed".into()),
                apple_account: Some("appStoreConnect_appleAccount".into()),
                namespace: Some(CUSTOM.into()),
                carried: Vec::new(),
            },
        },
        lifecycle: Lifecycle {
            on_join: OnJoin::Invite,
            on_deactivated: OnLeave::Remove,
            on_deleted: OnLeave::Remove,
            on_out_of_scope: OnLeave::Remove,
            leave_confirmations: 2,
            leave_grace: SignedDuration::ZERO,
            reinvite_max: 3,
            reuse_window: SignedDuration::from_hours(24 * 120),
            unmanaged: Unmanaged { deactivated: report, out_of_scope: report, unknown: report },
        },
        guard: GuardPolicy {
            removals_max: 3,
            removals_max_percent: 10,
            removals_max_per_day: 20,
            source_shrink_percent: 30,
            admins_min: 0,
            new_admins: NewAdmins::Hold,
            protected: globs(&["owner@example.com"]),
        },
    }
}

/// Both simulated sides: everybody in scope has their seat already.
pub(crate) fn simulated(size: Size) -> rosterd::simulator::World {
    let mut world = rosterd::simulator::World::default();
    let mut ids = Vec::new();
    for at in 0..size.people {
        let id = world.directory.add_person(&email(at), given(at), family(at));
        if size.has_seat(at) {
            ids.push(id);
        }
    }
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    world.directory.add_group(GROUP, &ids);
    world.directory.add_group("iOS Admins", &[]);
    world.directory.add_group("Watch Team", &[]);
    world.team.add_app("1000000001", "Watch", "com.example.watch");
    for at in size.seated() {
        let grant = rosterd::simulator::Grant::roles(&["DEVELOPER"]);
        world.team.add_member(&email(at), (given(at), family(at)), grant);
    }
    world
}
