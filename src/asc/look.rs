//! Seats that ought to be there and that the lists do not show, asked for one by one: a list may leave somebody out while its
//! count agrees, and whoever is taken for gone is invited again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use futures_util::stream::{self, StreamExt};
use reqwest::Method;

use super::AscError;
use super::client::{AscClient, Call};
use super::read::{AT_A_TIME, INVITATION_FIELDS, INVITATIONS, USER_FIELDS, USERS};
use super::wire;
use crate::model::{Invitation, Member, Problem, SeatId, TeamSnapshot, UnreadPart, UnreadSeat};

/// Seats asked for by id in one read. A team whose lists are right has next to none.
pub(super) const MOST: usize = 100;

/// What became of earlier questions, for as long as the lists go on not showing the seat.
#[derive(Debug, Default)]
pub(super) struct Looks(Mutex<Asked>);

#[derive(Debug, Default)]
struct Asked {
    round: u64,
    seats: BTreeMap<SeatId, Look>,
}

#[derive(Clone, Copy, Debug)]
enum Look {
    /// Apple said that it is gone: asked for again only once a list has shown it.
    Gone,
    /// There was no telling, in this round.
    Open(u64),
}

impl Looks {
    /// Those of these seats that are known to be gone, and whom to ask for now: first those never asked for, then those
    /// asked for longest ago. The others are forgotten: a list shows them again.
    fn due(&self, missing: &[&SeatId], turn: usize) -> (BTreeSet<SeatId>, Vec<SeatId>) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let still: BTreeSet<&SeatId> = missing.iter().copied().collect();
        asked.seats.retain(|seat, _| still.contains(seat));
        asked.round += 1;
        let mut gone = BTreeSet::new();
        let mut open: Vec<(u64, &SeatId)> = Vec::new();
        for seat in still {
            match asked.seats.get(seat) {
                Some(Look::Gone) => {
                    gone.insert(seat.clone());
                }
                Some(Look::Open(round)) => open.push((*round, seat)),
                None => open.push((0, seat)),
            }
        }
        // A one-shot run remembers nothing, so where it begins moves with the time: each has its turn.
        let length = open.len();
        open.rotate_left(if length > MOST { turn % length } else { 0 });
        open.sort_by_key(|(round, _)| *round);
        (gone, open.into_iter().take(MOST).map(|(_, seat)| seat.clone()).collect())
    }

    fn learn(&self, seat: &SeatId, is_gone: bool) {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let look = if is_gone { Look::Gone } else { Look::Open(asked.round) };
        asked.seats.insert(seat.clone(), look);
    }
}

/// An answer about one seat.
enum Answer {
    Member(Member),
    Invitation(Invitation),
    Gone,
    /// There, and not to be read.
    Unreadable,
    /// No telling.
    Unknown(AscError),
}

impl AscClient {
    /// See [`super::TeamRead::look`].
    pub(super) async fn look_up(&self, team: TeamSnapshot, expected: &BTreeSet<SeatId>) -> TeamSnapshot {
        // Absence from half a list says nothing, so there is nothing to make sure of.
        if team.is_cut() {
            return team;
        }
        let is_missing = |seat: &&SeatId| !team.shows(seat) && team.unread_part(seat).is_none();
        let missing: Vec<&SeatId> = expected.iter().filter(is_missing).collect();
        let minutes = usize::try_from(self.clock.now().as_second() / 60).unwrap_or(0);
        let (mut gone, due) = self.looks.due(&missing, minutes);
        let asked = due.into_iter().map(|seat| async move { (self.ask(&seat).await, seat) });
        let answers: Vec<_> = stream::iter(asked).buffered(AT_A_TIME).collect().await;
        let mut found = Found::default();
        let waiting = missing.len().saturating_sub(gone.len() + answers.len());
        for (answer, seat) in answers {
            self.looks.learn(&seat, matches!(answer, Answer::Gone));
            found.take(&seat, answer);
        }
        gone.append(&mut found.gone);
        if waiting > 0 {
            let text =
                format!("{waiting} seats that the lists do not show were not asked for yet; later cycles do");
            found.problems.push(Problem(text));
        }
        team.with_looked_up(found.members, found.invitations, gone).with_unread(found.unread, found.problems)
    }

    async fn ask(&self, seat: &SeatId) -> Answer {
        match seat {
            SeatId::Member(id) => {
                let asked =
                    self.one(USERS, id.as_str(), ("fields[users]", USER_FIELDS), wire::parse_user).await;
                answer(asked, |listed| (listed.seat.id == *id).then_some(Answer::Member(listed.seat)))
            }
            SeatId::Invitation(id) => {
                let fields = ("fields[userInvitations]", INVITATION_FIELDS);
                let asked = self.one(INVITATIONS, id.as_str(), fields, wire::parse_invitation).await;
                answer(asked, |listed| (listed.seat.id == *id).then_some(Answer::Invitation(listed.seat)))
            }
        }
    }

    /// One resource of a list, by its id.
    pub(super) async fn one<T>(
        &self,
        list: &str,
        id: &str,
        fields: (&str, &str),
        parse: fn(&[u8]) -> Result<T, wire::WireError>,
    ) -> Result<T, AscError> {
        let mut url = self.resource(list, id, None)?;
        let query = [fields, ("include", "visibleApps"), ("limit[visibleApps]", "50")];
        url.query_pairs_mut().extend_pairs(query);
        let endpoint = format!("GET {}", url.path());
        let call = Call { method: Method::GET, url, body: None, endpoint, scope: None };
        let reply = self.call(&call).await?;
        parse(&reply.body).map_err(|error| AscError::Protocol {
            text: format!("{}: answered with {error}", call.endpoint).into(),
        })
    }
}

/// What an answer about one seat says; another seat than was asked for says nothing.
fn answer<T>(
    asked: Result<Result<T, wire::Unreadable>, AscError>,
    seat: impl FnOnce(T) -> Option<Answer>,
) -> Answer {
    match asked {
        Ok(Ok(listed)) => seat(listed).unwrap_or(Answer::Unreadable),
        Ok(Err(_)) => Answer::Unreadable,
        Err(AscError::Gone { .. }) => Answer::Gone,
        Err(error) => Answer::Unknown(error),
    }
}

#[derive(Default)]
struct Found {
    members: Vec<Member>,
    invitations: Vec<Invitation>,
    gone: BTreeSet<SeatId>,
    unread: Vec<UnreadSeat>,
    problems: Vec<Problem>,
}

impl Found {
    fn take(&mut self, seat: &SeatId, answer: Answer) {
        let problem = match answer {
            Answer::Member(member) => return self.members.push(member),
            Answer::Invitation(invitation) => return self.invitations.push(invitation),
            Answer::Gone => {
                self.gone.insert(seat.clone());
                return;
            }
            Answer::Unreadable => {
                format!("seat {seat}: the lists do not show it, and by id it could not be read")
            }
            Answer::Unknown(error) => format!("seat {seat}: the lists do not show it, and by id: {error}"),
        };
        self.unread.push(UnreadSeat { seat: Some(seat.clone()), name: None, part: UnreadPart::Record });
        self.problems.push(Problem(problem));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seat_has_its_turn_and_none_that_is_gone_is_asked_for_again() {
        let looks = Looks::default();
        let seats: Vec<SeatId> = (0..MOST * 2).map(|at| SeatId::Member(format!("m{at:04}").into())).collect();
        let missing: Vec<&SeatId> = seats.iter().collect();
        let (gone, first) = looks.due(&missing, 7);
        assert_eq!((gone.len(), first.len()), (0, MOST));
        first.iter().for_each(|seat| looks.learn(seat, true));
        let (gone, second) = looks.due(&missing, 7);
        assert_eq!((gone.len(), second.len()), (MOST, MOST));
        assert!(second.iter().all(|seat| !first.contains(seat)));
        second.iter().for_each(|seat| looks.learn(seat, false));
        let (gone, third) = looks.due(&missing[..MOST], 7);
        assert!(gone.len() + third.len() == MOST, "what a list shows again is forgotten");
        let (gone, _) = looks.due(&missing, 7);
        assert!(gone.iter().all(|seat| missing[..MOST].contains(&seat)));
    }

    #[test]
    fn runs_that_remember_nothing_begin_elsewhere_each_time() {
        let seats: Vec<SeatId> = (0..MOST * 3).map(|at| SeatId::Member(format!("m{at:04}").into())).collect();
        let missing: Vec<&SeatId> = seats.iter().collect();
        let first = |turn| Looks::default().due(&missing, turn).1[0].clone();
        assert_ne!(first(1), first(2));
    }
}
