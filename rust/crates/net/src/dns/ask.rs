//! The questions of RFC 3263, asked on a thread of their own.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use ringback_sip::Transport;
use tokio::sync::mpsc;

use super::order::{Place, Target};
use super::{Found, Question, Wanted};
use crate::wake::WakeFd;

/// Records of one answer that are looked at.
const MAX_RECORDS: usize = 16;
/// Remembered answers.
const CACHE: u64 = 4096;

/// What came of a question.
pub(crate) type Outcome = (Question, Result<Found, String>);
pub(crate) type Outcomes = Arc<Mutex<Vec<Outcome>>>;

/// Answer questions until nobody asks any more.
pub(crate) fn answer_all(
    servers: &[SocketAddr],
    mut questions: mpsc::Receiver<Question>,
    outcomes: &Outcomes,
    wake: &Arc<WakeFd>,
) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
    runtime.block_on(async {
        let resolver = make(servers).map(Arc::new);
        while let Some(question) = questions.recv().await {
            let (resolver, outcomes, wake) = (resolver.clone(), Arc::clone(outcomes), Arc::clone(wake));
            tokio::spawn(async move {
                let found = match resolver {
                    Ok(resolver) => find(&resolver, &question).await,
                    Err(why) => Err(why),
                };
                outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((question, found));
                wake.signal();
            });
        }
    });
}

fn make(servers: &[SocketAddr]) -> Result<TokioResolver, String> {
    let wrong = |error| format!("no name server: {error}; set [sip] dns_servers");
    let mut builder = if servers.is_empty() {
        TokioResolver::builder_tokio().map_err(wrong)?
    } else {
        let servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            config.connections.iter_mut().for_each(|connection| connection.port = server.port());
            config
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options = builder.options_mut();
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.cache_size = CACHE;
    options.timeout = Duration::from_secs(2);
    options.attempts = 2;
    builder.build().map_err(wrong)
}

/// Where RFC 3263 section 4 leads.
async fn find(dns: &TokioResolver, question: &Question) -> Result<Found, String> {
    let mut found = Found { places: Vec::new(), until: Instant::now() + Duration::from_secs(3600) };
    if question.port.is_none() {
        for (rank, transport, name) in services(dns, question, &mut found).await {
            servers(dns, question, (rank, transport, &name), &mut found).await;
            // Without NAPTR the first transport that has servers is taken.
            if rank == 0 && !found.places.is_empty() {
                break;
            }
        }
    }
    if found.places.is_empty() {
        let transport = question.wanted.transport();
        let port = question.port.unwrap_or(transport.default_port());
        let targets = addresses(dns, question, &question.host, &mut found).await?;
        let targets = targets.into_iter().map(|ip| Target { transport, address: SocketAddr::new(ip, port) }).collect();
        found.places.push(Place { rank: 0, weight: 0, targets });
    }
    Ok(found)
}

/// The SRV names to ask for, with what comes first among them.
async fn services(dns: &TokioResolver, question: &Question, found: &mut Found) -> Vec<(u32, Transport, String)> {
    let host = question.host.trim_end_matches('.');
    let srv = |transport| match transport {
        Transport::Tls => format!("_sips._tcp.{host}."),
        Transport::Tcp => format!("_sip._tcp.{host}."),
        _ => format!("_sip._udp.{host}."),
    };
    if let Wanted::Only(transport) = question.wanted {
        return vec![(0, transport, srv(transport))];
    }
    let mut named = Vec::new();
    if let Ok(answer) = dns.lookup(format!("{host}."), RecordType::NAPTR).await {
        found.until = found.until.min(answer.valid_until());
        for record in answer.answers().iter().take(MAX_RECORDS) {
            let RData::NAPTR(naptr) = &record.data else { continue };
            let transport = match naptr.services.to_ascii_uppercase().as_slice() {
                b"SIP+D2U" => Transport::Udp,
                b"SIP+D2T" => Transport::Tcp,
                b"SIPS+D2T" => Transport::Tls,
                _ => continue,
            };
            if naptr.flags.eq_ignore_ascii_case(b"s") {
                let rank = (u32::from(naptr.order) << 8 | u32::from(naptr.preference.min(255))).max(1);
                named.push((rank, transport, naptr.replacement.to_string()));
            }
        }
    }
    named.sort_by_key(|(rank, ..)| *rank);
    // Ranks of the order of NAPTR leave room for the priorities of SRV.
    let ranks = (1_u32..).step_by(1 << 17);
    let named: Vec<_> = ranks.zip(named).map(|(rank, (_, transport, name))| (rank, transport, name)).collect();
    if named.is_empty() {
        [Transport::Udp, Transport::Tcp, Transport::Tls].map(|transport| (0, transport, srv(transport))).into()
    } else {
        named
    }
}

/// The servers behind one SRV name.
async fn servers(dns: &TokioResolver, question: &Question, service: (u32, Transport, &str), found: &mut Found) {
    let (rank, transport, name) = service;
    let Ok(answer) = dns.lookup(name, RecordType::SRV).await else { return };
    found.until = found.until.min(answer.valid_until());
    for record in answer.answers().iter().take(MAX_RECORDS) {
        let RData::SRV(srv) = &record.data else { continue };
        // RFC 2782: a lone dot says that the service is not offered.
        if srv.target.is_root() || srv.port == 0 {
            continue;
        }
        let Ok(ips) = addresses(dns, question, &srv.target.to_string(), found).await else { continue };
        let targets = ips.into_iter().map(|ip| Target { transport, address: SocketAddr::new(ip, srv.port) }).collect();
        found.places.push(Place { rank: rank + u32::from(srv.priority), weight: srv.weight, targets });
    }
}

/// Addresses of a host, of the families we can reach.
async fn addresses(
    dns: &TokioResolver,
    question: &Question,
    host: &str,
    found: &mut Found,
) -> Result<Vec<IpAddr>, String> {
    let answer = dns.lookup_ip(host).await.map_err(|error| format!("{host} does not resolve: {error}"))?;
    found.until = found.until.min(answer.valid_until());
    let ips: Vec<IpAddr> = answer.iter().filter(|ip| question.families.has(*ip)).take(MAX_RECORDS).collect();
    if ips.is_empty() { Err(super::wrong_family(host)) } else { Ok(ips) }
}
