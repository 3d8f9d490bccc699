//! What is different about the simulated services until somebody turns it back.

use serde::{Deserialize, Serialize};

/// All switches. `POST /_sim/switches` merges a part of this shape into it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Switches {
    /// App Store Connect.
    pub app_store_connect: AscSwitches,
    /// The SCIM provider.
    pub scim: ScimSwitches,
    /// Microsoft Graph.
    pub graph: super::graph::GraphSwitches,
}

/// What App Store Connect does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AscSwitches {
    /// Is the key still good?
    pub key: KeyValidity,
    /// What the key may do.
    pub role: KeyRole,
    /// Has the Account Holder signed?
    pub agreement: Agreement,
    /// Is the team a member of the program?
    pub membership: Membership,
    /// Requests per key in a rolling hour.
    pub requests_per_hour: usize,
    /// `Retry-After` of a 429, in seconds; Apple does not promise the header.
    pub retry_after: Option<u64>,
    /// What an invitation to all apps reads back.
    pub invited_to_all_apps: AllAppsShape,
    /// Whether an ADMIN reads back provisioning that nobody sent.
    pub admin_provisioning: AdminProvisioning,
    /// How a list that is not asked for in an order comes.
    pub list_order: ListOrder,
    /// Rows of a page at most, however many are asked for.
    pub page_max: usize,
    /// Whether `provisioningAllowed` is told at all.
    pub provisioning: ProvisioningShape,
}

impl Default for AscSwitches {
    fn default() -> Self {
        Self {
            key: KeyValidity::Valid,
            role: KeyRole::Admin,
            agreement: Agreement::Signed,
            membership: Membership::Active,
            requests_per_hour: 3600,
            retry_after: None,
            invited_to_all_apps: AllAppsShape::True,
            admin_provisioning: AdminProvisioning::AsSent,
            list_order: ListOrder::Creation,
            page_max: 200,
            provisioning: ProvisioningShape::Told,
        }
    }
}

macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$word_doc:meta])* $word:ident),* $(,)? })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
            #[serde(rename_all = "snake_case")]
            pub enum $name { $($(#[$word_doc])* $word),* }
        )*
    };
}

words! {
    /// Whether the API key still exists.
    KeyValidity {
        /// It does.
        Valid,
        /// It was revoked: 401 for everything.
        Revoked,
    }
    /// The role of the API key.
    KeyRole {
        /// Reads and writes.
        Admin,
        /// Reads; 403 for every write. Nothing tells which it is before the first write.
        ReadOnly,
    }
    /// The Account Holder's agreement.
    Agreement {
        /// In effect.
        Signed,
        /// 403 for everything.
        Unsigned,
    }
    /// The team's membership in the developer program.
    Membership {
        /// Paid.
        Active,
        /// 403 for everything.
        Lapsed,
    }
    /// `allAppsVisible` of a pending invitation to all apps.
    AllAppsShape {
        /// As the API description says.
        True,
        /// Null, with every app listed, as was once observed.
        Null,
    }
    /// `provisioningAllowed` of an ADMIN. Apple's role table says that they have it by default; what the API reads
    /// back is not known.
    AdminProvisioning {
        /// What was sent.
        AsSent,
        /// Always true.
        Always,
    }
    /// The order of a list without `sort`, of which Apple promises none.
    ListOrder {
        /// That of creation, on every page.
        Creation,
        /// Another one on every second page: some rows come twice, others never.
        FromPageToPage,
    }
    /// `provisioningAllowed` of every seat: Apple's description requires no attribute.
    ProvisioningShape {
        /// As it is.
        Told,
        /// `null`.
        Null,
        /// Left out.
        Absent,
    }
    /// How lists are cut into pages.
    Paging {
        /// `startIndex` and `count` (RFC 7644 §3.4.2.4).
        Index,
        /// `cursor` and `count` (RFC 9865).
        Cursor,
        /// Both; a plain request gets cursors.
        BothDefaultCursor,
    }
    /// What happens to a filter that is not understood.
    UnknownFilter {
        /// 400 `invalidFilter`.
        Refused,
        /// Everything is returned, as if there were none.
        Ignored,
    }
    /// The key of a page's rows.
    ResourcesKey {
        /// `Resources` (RFC 7644).
        Standard,
        /// `resources`, as Entra's SCIM server writes it.
        LowerCase,
    }
    /// What `members[].value` holds.
    MemberValue {
        /// The person's id.
        Id,
        /// The user name, as one open source server does.
        UserName,
    }
    /// Where group members are shown.
    MembersShown {
        /// Everywhere.
        Always,
        /// Only when the group is read by id.
        ById,
        /// Only where `attributes` names them, as Oracle's identity domains do.
        OnRequest,
        /// Nowhere.
        Never,
    }
    /// What the list of groups shows of members.
    ListedMembers {
        /// What the group itself shows.
        All,
        /// People, and no groups within the group.
        People,
        /// The first two.
        FirstTwo,
    }
    /// What `count` of a request does.
    CountUse {
        /// At most so many rows come.
        Honoured,
        /// Nothing: pages have the size they have.
        Ignored,
        /// 500, as one open source server answers.
        Crashes,
    }
    /// Whether lists show people who may not sign in.
    DisabledShown {
        /// They do.
        Listed,
        /// They are only found by id.
        ById,
    }
    /// Whether a person's own record says which groups they are in.
    OwnGroups {
        /// It does not.
        Absent,
        /// It does, and names groups outside of `group_claims` truly.
        Shown,
    }
    /// How `active` is written.
    ActiveShape {
        /// A boolean.
        Boolean,
        /// `"True"` and `"False"`.
        Text,
        /// Left out.
        Missing,
    }
    /// Where custom attributes stand.
    AttributeShape {
        /// In an object under the URN (RFC 7643).
        Nested,
        /// One key `URN:name` each.
        Flattened,
        /// At the top level, under their own names.
        TopLevel,
    }
    /// What `startIndex` of an answer says.
    StartIndexEcho {
        /// Where the page starts.
        Right,
        /// Always 1, whatever was asked for.
        AlwaysOne,
        /// What was asked for, whatever page it is.
        AsAsked,
    }
    /// What `startIndex` of a request does.
    StartIndexUse {
        /// The page starts there.
        Honoured,
        /// Nothing: the first page comes for ever.
        Ignored,
        /// The first page comes again instead of an empty one past the end.
        WrapsAround,
    }
}

/// How the SCIM provider is reached and what is odd about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScimSwitches {
    /// Which credentials it wants.
    pub auth: ScimAuth,
    /// Seconds an OAuth2 token lives.
    pub token_seconds: u32,
    /// How lists are cut.
    pub paging: Paging,
    /// Rows of a page when nobody asks.
    pub page_size: usize,
    /// Rows of a page at most, however many are asked for.
    pub page_max: usize,
    /// Filters other than `eq` on a few attributes.
    pub unknown_filter: UnknownFilter,
    /// The key of the rows.
    pub resources_key: ResourcesKey,
    /// Ids or user names.
    pub member_value: MemberValue,
    /// Where members are shown.
    pub members_shown: MembersShown,
    /// What the list of groups shows of them.
    pub listed_members: ListedMembers,
    /// Members (by id) that the list shows of groups (by name) and the groups themselves do not.
    pub list_adds: Vec<(String, String)>,
    /// References in every group to people who were deleted long ago.
    pub stale_members: usize,
    /// What a person's own `groups` say.
    pub own_groups: OwnGroups,
    /// Groups (by name) that people (by user name) claim in their own `groups` without being in them.
    pub group_claims: Vec<(String, String)>,
    /// Whether lists show people who are disabled.
    pub disabled: DisabledShown,
    /// How `active` is written.
    pub active: ActiveShape,
    /// Where custom attributes stand.
    pub attributes: AttributeShape,
    /// What the `count` of a request does.
    pub count: CountUse,
    /// What the `startIndex` of a request does.
    pub start_index: StartIndexUse,
    /// What the `startIndex` of an answer says.
    pub start_index_echo: StartIndexEcho,
    /// What `totalResults` says.
    pub total_results: TotalResults,
    /// Every page but the last has this many rows fewer than it should, although more follow.
    pub short_by: usize,
    /// Somebody who is deleted as soon as the first page of people was sent: everyone behind them moves up by one.
    pub delete_after_first_page: Option<String>,
}

/// What `totalResults` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TotalResults {
    /// The truth.
    Right,
    /// Nothing.
    Missing,
    /// This many more (or fewer) than there are.
    OffBy(i64),
    /// How many rows the page has.
    PageLength,
}

/// Which credentials the SCIM provider wants. All are the same in every run, for they open nothing but a simulation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScimAuth {
    /// [`super::SCIM_TOKEN`].
    Bearer,
    /// [`super::SCIM_USER`] with [`super::SCIM_SECRET`].
    Basic,
    /// Client credentials of the same names at `/oauth2/token`.
    Oauth2,
}

impl Default for ScimSwitches {
    fn default() -> Self {
        Self {
            auth: ScimAuth::Bearer,
            token_seconds: 3600,
            paging: Paging::Index,
            page_size: 100,
            page_max: 1000,
            unknown_filter: UnknownFilter::Refused,
            resources_key: ResourcesKey::Standard,
            member_value: MemberValue::Id,
            members_shown: MembersShown::Always,
            listed_members: ListedMembers::All,
            list_adds: Vec::new(),
            stale_members: 0,
            own_groups: OwnGroups::Absent,
            group_claims: Vec::new(),
            disabled: DisabledShown::Listed,
            active: ActiveShape::Boolean,
            attributes: AttributeShape::Nested,
            count: CountUse::Honoured,
            start_index: StartIndexUse::Honoured,
            start_index_echo: StartIndexEcho::Right,
            total_results: TotalResults::Right,
            short_by: 0,
            delete_after_first_page: None,
        }
    }
}
