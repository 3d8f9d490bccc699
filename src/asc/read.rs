//! The team as it is: two lists and the apps that rules name, page by page, with a word on everything that did not come.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use reqwest::Method;

use super::client::{AscClient, Call};
use super::paging::{List, Scoped, Walked, scope_entry};
use super::wire::{self, Listed, Unreadable};
use super::{AscError, TeamRead};
use crate::model::{
    Access, Address, AppId, BundleId, Coverage, Invitation, Member, MemberId, Problem, SeatId, TeamSnapshot,
    UnreadPart, UnreadSeat,
};

/// Apple's largest page.
const PAGE: &str = "200";
/// Lists of apps read at a time.
pub(super) const AT_A_TIME: usize = 4;
/// Bundle ids in one request: some 2,000 characters of address.
const BUNDLES: usize = 50;

pub(super) const USERS: &str = "/v1/users";
pub(super) const INVITATIONS: &str = "/v1/userInvitations";
const APPS: &str = "/v1/apps";
pub(super) const USER_FIELDS: &str =
    "username,firstName,lastName,roles,allAppsVisible,provisioningAllowed,visibleApps";
pub(super) const INVITATION_FIELDS: &str =
    "email,firstName,lastName,expirationDate,roles,allAppsVisible,provisioningAllowed,visibleApps";

impl TeamRead for AscClient {
    async fn read(&self, bundles: &BTreeSet<BundleId>) -> Result<TeamSnapshot, AscError> {
        let (users, invitations, apps) =
            futures_util::join!(Box::pin(self.users()), Box::pin(self.invitations()), self.apps(bundles));
        let (mut users, mut invitations, (apps, mut single)) = (users?, invitations?, apps?);
        let mut unread = unread_records(&users, &invitations);
        single.extend(users.unreadable_problem(USERS));
        single.extend(invitations.unreadable_problem(INVITATIONS));
        let (mut without_apps, more) = self.complete_apps(&mut users.items, &mut invitations.items).await?;
        unread.append(&mut without_apps);
        single.extend(more);
        let mut problems = users.problems;
        problems.append(&mut invitations.problems);
        problems.sort();
        let coverage = if users.nothing || invitations.nothing {
            Coverage::Failed(problems)
        } else {
            Coverage::from_problems(problems)
        };
        let members = users.items.into_iter().map(|listed| listed.seat).collect();
        let invitations = invitations.items.into_iter().map(|listed| listed.seat).collect();
        single.sort();
        Ok(TeamSnapshot::new(members, invitations, apps, coverage).with_unread(unread, single))
    }

    async fn look(&self, team: TeamSnapshot, expected: &BTreeSet<SeatId>) -> TeamSnapshot {
        self.look_up(team, expected).await
    }

    async fn seats(&self) -> Result<(Vec<Member>, Vec<Invitation>), AscError> {
        let (users, invitations) = futures_util::join!(self.users(), self.invitations());
        let (users, invitations) = (users?, invitations?);
        let problems = users.all_problems(USERS).into_iter().chain(invitations.all_problems(INVITATIONS));
        if let Some(problem) = problems.into_iter().next() {
            return Err(AscError::Protocol { text: problem.0.into() });
        }
        let members = users.items.into_iter().map(|listed| listed.seat).collect();
        Ok((members, invitations.items.into_iter().map(|listed| listed.seat).collect()))
    }

    async fn access(&self, member: &MemberId) -> Result<Access, AscError> {
        let asked =
            self.one(USERS, member.as_str(), ("fields[users]", USER_FIELDS), wire::parse_user).await?;
        let Some(listed) = asked.ok().filter(|listed| listed.seat.id == *member) else {
            let text = format!("GET {USERS}/{member}: answered without the member's roles");
            return Err(AscError::Protocol { text: text.into() });
        };
        let mut access = listed.seat.access;
        if listed.apps_cut {
            access.visible_apps = self.visible_apps(self.apps_path(USERS, member.as_str())?).await?.ok();
        }
        Ok(access)
    }
}

/// Records that came and could not be read, as seats.
fn unread_records(
    users: &Walked<Listed<Member>>,
    invitations: &Walked<Listed<Invitation>>,
) -> Vec<UnreadSeat> {
    let seat = |record: &Unreadable, of: fn(String) -> SeatId| UnreadSeat {
        seat: record.id.clone().map(of),
        name: record.name.clone(),
        part: UnreadPart::Record,
    };
    let member = |id: String| SeatId::Member(id.into());
    let invitation = |id: String| SeatId::Invitation(id.into());
    let users = users.unreadable.iter().map(|record| seat(record, member));
    users.chain(invitations.unreadable.iter().map(|record| seat(record, invitation))).collect()
}

/// A seat whose list of apps Apple cut short.
struct CutApps<'s> {
    path: String,
    id: SeatId,
    name: Address,
    access: &'s mut Access,
}

impl AscClient {
    /// One small read that tells whether the key is accepted; headers of its answer fill skew and budget. That it
    /// succeeds says nothing about writing: smaller roles may read both lists too.
    ///
    /// # Errors
    /// Whatever a cycle's first read would meet.
    pub async fn probe(&self) -> Result<(), AscError> {
        let query = [("fields[users]", "roles"), ("limit", "1")];
        let call = Call {
            method: Method::GET,
            url: self.url(USERS, &query),
            body: None,
            endpoint: format!("GET {USERS}"),
            scope: Some(scope_entry(USERS, &query)),
        };
        let reply = self.call(&call).await?;
        match wire::parse_users(&reply.body) {
            Ok(_) => Ok(()),
            Err(error) => Err(AscError::Protocol { text: call.misread(&reply, &error) }),
        }
    }

    async fn users(&self) -> Result<Walked<Listed<Member>>, AscError> {
        let query = [
            ("fields[users]", USER_FIELDS),
            ("fields[apps]", "bundleId"),
            ("include", "visibleApps"),
            ("limit[visibleApps]", "50"),
            ("limit", PAGE),
            ("sort", "username"),
        ];
        let list = List {
            path: USERS,
            query: &query,
            scope: Scoped::Collection,
            parse: wire::parse_users,
            id: |listed| listed.seat.id.as_str(),
        };
        let mut walked = self.walk(&list).await?;
        // Every team has one, and nobody can take that seat away: a list without it is not the whole team. A record that
        // could not be read may be theirs.
        let has_holder = walked.items.iter().any(|listed| listed.seat.access.is_account_holder());
        if !has_holder && walked.problems.is_empty() && walked.unreadable.is_empty() {
            let text =
                format!("GET {USERS}: the Account Holder is not among the {} members", walked.items.len());
            walked.problems.push(Problem(text));
        }
        Ok(walked)
    }

    async fn invitations(&self) -> Result<Walked<Listed<Invitation>>, AscError> {
        let query = [
            ("fields[userInvitations]", INVITATION_FIELDS),
            ("fields[apps]", "bundleId"),
            ("include", "visibleApps"),
            ("limit[visibleApps]", "50"),
            ("limit", PAGE),
            ("sort", "email"),
        ];
        let list = List {
            path: INVITATIONS,
            query: &query,
            scope: Scoped::Collection,
            parse: wire::parse_invitations,
            id: |listed| listed.seat.id.as_str(),
        };
        self.walk(&list).await
    }

    /// The ids of these bundle ids, as far as the team has them. What comes back is checked again: the filter also
    /// answers with apps whose bundle id only begins like the one that was asked for.
    async fn apps(
        &self,
        bundles: &BTreeSet<BundleId>,
    ) -> Result<(BTreeMap<BundleId, AppId>, Vec<Problem>), AscError> {
        let mut known = self.known_apps.of(bundles, self.clock.now());
        let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
        // A comma separates values in a filter and is in no bundle id.
        let askable: Vec<&str> = bundles
            .iter()
            .filter(|bundle| !known.contains_key(*bundle))
            .map(BundleId::as_str)
            .filter(|bundle| !bundle.contains(','))
            .collect();
        for chunk in askable.chunks(BUNDLES) {
            let filter = chunk.join(",");
            let query = [
                ("filter[bundleId]", filter.as_str()),
                ("fields[apps]", "bundleId"),
                ("limit", PAGE),
                ("sort", "bundleId"),
            ];
            let list = List {
                path: APPS,
                query: &query,
                scope: Scoped::Collection,
                parse: wire::parse_apps,
                id: |(id, _)| id.as_str(),
            };
            // An agreement may block this list alone; whoever needs no app is not held up by that.
            let walked = match self.walk(&list).await {
                Err(AscError::Refused { text, .. }) => {
                    problems.push(Problem(text.to_string()));
                    continue;
                }
                walked => walked?,
            };
            problems.extend(walked.all_problems(APPS));
            let asked = walked.items.into_iter().filter(|(_, bundle)| bundles.contains(bundle));
            found.extend(asked.map(|(id, bundle)| (bundle, id)));
        }
        self.known_apps.learn(&found, self.clock.now());
        known.extend(found);
        Ok((known, problems))
    }

    /// Reads the apps of those whose inlined list was cut: a few at a time, [`super::seat_apps::MOST`] of them in a cycle, and
    /// the others as they were read last. Whoever's are not known keeps `None`, which is compared with nothing; whose
    /// could not be read is told with why.
    async fn complete_apps(
        &self,
        members: &mut [Listed<Member>],
        invitations: &mut [Listed<Invitation>],
    ) -> Result<(Vec<UnreadSeat>, Vec<Problem>), AscError> {
        let (mut cut, mut problems, mut unread): (Vec<CutApps<'_>>, _, _) =
            (Vec::new(), Vec::new(), Vec::new());
        let members = members.iter_mut().filter(|listed| listed.apps_cut).map(|Listed { seat, .. }| {
            let path = self.apps_path(USERS, seat.id.as_str());
            (path, SeatId::Member(seat.id.clone()), seat.user_name.clone(), &mut seat.access)
        });
        let invitations =
            invitations.iter_mut().filter(|listed| listed.apps_cut).map(|Listed { seat, .. }| {
                let path = self.apps_path(INVITATIONS, seat.id.as_str());
                (path, SeatId::Invitation(seat.id.clone()), seat.email.clone(), &mut seat.access)
            });
        for (path, id, name, access) in members.chain(invitations) {
            match path {
                Ok(path) => cut.push(CutApps { path, id, name, access }),
                Err(error) => {
                    problems.push(Problem(error.to_string()));
                    unread.push(UnreadSeat { seat: Some(id), name: Some(name), part: UnreadPart::Apps });
                }
            }
        }
        let paths: Vec<String> = cut.iter().map(|cut| cut.path.clone()).collect();
        let reads: Vec<_> = self.seat_apps.due(&paths).into_iter().collect();
        let reads =
            reads.into_iter().map(|path| async move { (self.visible_apps(path.clone()).await, path) });
        let found: Vec<_> = stream::iter(reads).buffered(AT_A_TIME).collect().await;
        let mut failed = BTreeSet::new();
        for (found, path) in found {
            match found? {
                Ok(apps) => self.seat_apps.learn(&path, apps),
                Err(more) => {
                    self.seat_apps.forget(&path);
                    problems.extend(more);
                    failed.insert(path);
                }
            }
        }
        for CutApps { path, id, name, access } in cut {
            access.visible_apps = self.seat_apps.get(&path);
            if failed.contains(&path) {
                unread.push(UnreadSeat { seat: Some(id), name: Some(name), part: UnreadPart::Apps });
            }
        }
        Ok((unread, problems))
    }

    fn apps_path(&self, list: &str, id: &str) -> Result<String, AscError> {
        Ok(self.resource(list, id, Some("visibleApps"))?.path().to_owned())
    }

    /// The apps of one seat, or why they are not known.
    async fn visible_apps(&self, path: String) -> Result<Result<BTreeSet<AppId>, Vec<Problem>>, AscError> {
        let list = List {
            path: &path,
            query: &[("fields[apps]", "bundleId"), ("limit", PAGE)],
            scope: Scoped::Below,
            parse: wire::parse_app_ids,
            id: AppId::as_str,
        };
        match self.walk(&list).await {
            Ok(walked) => match walked.all_problems(&path) {
                problems if problems.is_empty() => Ok(Ok(walked.items.into_iter().collect())),
                problems => Ok(Err(problems)),
            },
            // About this one seat, as far as anybody knows: the lists have just been read with the same key.
            Err(AscError::Refused { text, .. }) => Ok(Err(vec![Problem(text.to_string())])),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
