//! Microsoft's clouds. Each has its own sign-in and its own Graph, and a token of one is worth nothing in another.

use reqwest::Url;

/// `source.graph.cloud`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cloud {
    /// The world, and US GCC.
    Global,
    /// US Government L4 (GCC High).
    UsGov,
    /// US Government L5 (DoD).
    UsDod,
    /// China, run by 21Vianet.
    China,
}

/// Where to sign in, where to read, and for what. Three settings and not one, since newer sovereign clouds have hosts
/// that no list here would know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    /// Without the tenant.
    pub authority: Url,
    /// With the version.
    pub base: Url,
    /// `https://<Graph>/.default`.
    pub scope: String,
}

impl Cloud {
    /// Hosts of each cloud (Graph, "national cloud deployments").
    pub fn endpoints(self) -> Endpoints {
        let (login, graph) = match self {
            Self::Global => ("login.microsoftonline.com", "graph.microsoft.com"),
            Self::UsGov => ("login.microsoftonline.us", "graph.microsoft.us"),
            Self::UsDod => ("login.microsoftonline.us", "dod-graph.microsoft.us"),
            Self::China => ("login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
        };
        let url = |text: String| Url::parse(&text).expect("a constant");
        Endpoints {
            authority: url(format!("https://{login}")),
            base: url(format!("https://{graph}/v1.0")),
            scope: format!("https://{graph}/.default"),
        }
    }
}
