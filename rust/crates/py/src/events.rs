//! The event classes: frozen, with `__match_args__`, equal by value, and constructible for tests in Python.
//!
//! One table names every class with its fields in the order of the contract; [`to_python`] fills them.

use pyo3::prelude::*;
use pyo3::types::PyTuple;
use ringback_engine::{Event, What};

use crate::convert::Shown;

type Headers = Vec<(String, String)>;
type Bytes = Vec<u8>;

macro_rules! event_classes {
    ($($(#[doc = $doc:literal])* $name:ident ($($positional:ident),*) {
        $($field:ident : $kind:ty $(= $default:tt)?),* $(,)?
    })*) => {
        $(
            $(#[doc = $doc])*
            #[pyclass(frozen, eq, get_all, module = "ringback._engine")]
            #[derive(Debug, Clone, PartialEq)]
            pub(crate) struct $name { $($field: $kind),* }

            #[pymethods]
            impl $name {
                #[new]
                #[pyo3(signature = (*, $($field $(= $default)?),*))]
                #[allow(clippy::too_many_arguments)] // fields of the contract, keyword-only
                fn new($($field: $kind),*) -> Self {
                    Self { $($field),* }
                }

                #[classattr]
                fn __match_args__(py: Python<'_>) -> PyResult<Py<PyTuple>> {
                    PyTuple::new(py, [$(stringify!($positional)),*]).map(Bound::unbind)
                }

                fn __repr__(&self) -> String {
                    let fields = [$(format!(concat!(stringify!($field), "={}"), self.$field.shown())),*];
                    format!(concat!(stringify!($name), "({})"), fields.join(", "))
                }
            }
        )*

        pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(module.add_class::<$name>()?;)*
            let classes = [$(module.py().get_type::<$name>().into_any()),*];
            module.add("Event", union(classes)?)
        }
    };
}

event_classes! {
    /// A new incoming call whose source matched a trunk.
    Incoming (leg, trunk) {
        leg: u64, at_ns: u64, trunk: u64, phone: Option<u64> = None, source: String, call_id: String, request_uri: String, to_uri: String,
        from_uri: String, headers: Headers, codec_ok: bool, dialog: String, replaces: Option<u64> = None,
    }
    /// A provisional response 100-199 on a dialled leg.
    Progress (leg, code) { leg: u64, at_ns: u64, code: u16, phrase: String, early_media: bool }
    /// One of several servers of a gateway did not take a dialled leg.
    Tried (leg, target) {
        leg: u64, at_ns: u64, target: String, cause: String, next: String, code: Option<u16> = None,
    }
    /// A dialled leg was answered and acknowledged.
    Answered (leg) { leg: u64, at_ns: u64, code: u16, phrase: String, codec: String, dialog: String }
    /// The caller of an incoming leg showed that it has our 200.
    AnswerConfirmed (leg, how) { leg: u64, at_ns: u64, how: String, codec: String }
    /// A 2xx came after we had given the leg up.
    LateAnswer (leg) { leg: u64, at_ns: u64, code: u16 }
    /// The leg is over. Always the last event of a leg.
    Ended (leg, cause) {
        leg: u64, at_ns: u64, cause: String, side: String, code: Option<u16> = None, phrase: Option<String> = None,
        reason: Option<String> = None, q850: Option<u8> = None, retry_after_s: Option<u32> = None,
    }
    /// The far end pressed a key.
    Dtmf (leg, digit) { leg: u64, at_ns: u64, digit: String, duration_ms: u32, how: String }
    /// A member of a room began or ceased to talk.
    Talking (room, leg) { room: u64, leg: u64, at_ns: u64, on: bool }
    /// A `detect_machine` knows something.
    Machine (op, verdict) { op: u64, leg: u64, at_ns: u64, verdict: String, why: String }
    /// An operation ended.
    OpDone (op, result) {
        op: u64, leg: u64, at_ns: u64, result: String, detail: Option<String> = None, duration_ms: u64,
    }
    /// A gather ended.
    GatherDone (op, digits) {
        op: u64, leg: u64, at_ns: u64, digits: String, result: String, terminator: Option<String> = None,
        detail: Option<String> = None,
    }
    /// Nothing was received on an answered leg for `media_timeout_ms`.
    MediaLost (leg) { leg: u64, at_ns: u64 }
    /// The far end put the leg on hold or took it back.
    Held (leg, on) { leg: u64, at_ns: u64, on: bool }
    /// The far end asks to be transferred.
    TransferRequested (leg, target) {
        leg: u64, at_ns: u64, target: String, replaces: Option<u64> = None, has_replaces: bool = false,
        referred_by: Option<String> = None,
    }
    /// How a transfer goes that we asked for.
    TransferProgress (leg, code) { leg: u64, at_ns: u64, code: u16, phrase: String, is_final: bool }
    /// What became of a hold or resume of ours.
    HoldDone (leg, on) { leg: u64, at_ns: u64, on: bool, code: u16 }
    /// Media figures of a leg, just before `Ended`.
    LegStats (leg) {
        leg: u64, at_ns: u64, codec: String, packets_sent: u64, packets_received: u64, packets_lost: u64,
        jitter_ms: f64, round_trip_ms: Option<f64> = None, packets_late: u64 = 0, concealed_ms: u64 = 0,
        jitter_max_ms: f64 = 0.0, loss_percent: f64 = 0.0, remote_loss_percent: Option<f64> = None,
        mos: Option<f64> = None,
    }
    /// A phone registered a contact or refreshed it.
    PhoneRegistered (phone, contact) {
        phone: u64, at_ns: u64, contact: String, expires_s: u32, source: String, user_agent: Option<String> = None,
    }
    /// A contact of a phone is gone.
    PhoneGone (phone, contact) { phone: u64, at_ns: u64, contact: String, why: String }
    /// How a trunk's registration at its carrier stands.
    Registration (trunk, state) {
        trunk: u64, at_ns: u64, state: String, code: Option<u16> = None, phrase: Option<String> = None, expires_s: u32,
    }
    /// A watched gateway came up or went down.
    TrunkState (trunk, up) {
        trunk: u64, at_ns: u64, gateway: String, up: bool, code: Option<u16> = None,
        round_trip_ms: Option<f64> = None,
    }
    /// The engine began or ceased to refuse new calls by itself.
    Overload (on, why) { at_ns: u64, on: bool, why: String }
    /// A fault of the engine itself.
    Fault (what) { at_ns: u64, what: String, leg: Option<u64> = None }
    /// One SIP message as sent or received.
    Trace (leg, direction) {
        at_ns: u64, leg: Option<u64> = None, direction: String, peer: String, message: Bytes,
    }
}

/// `A | B | ...`, the type of what `drain` returns.
fn union<'py>(classes: impl IntoIterator<Item = Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let mut classes = classes.into_iter();
    let first = classes.next();
    first.map(|first| classes.try_fold(first, |all, class| all.bitor(class))).transpose()
}

fn object<T>(py: Python<'_>, value: T) -> PyResult<Bound<'_, PyAny>>
where
    T: pyo3::PyClass + Into<PyClassInitializer<T>>,
{
    Ok(Bound::new(py, value)?.into_any())
}

/// Make the Python object of an event.
pub(crate) fn to_python(py: Python<'_>, event: Event) -> PyResult<Bound<'_, PyAny>> {
    let at_ns = event.at_ns;
    match event.what {
        What::Incoming(incoming) => object(py, incoming_to_python(*incoming, at_ns)),
        What::Progress { leg, code, phrase, early_media } => {
            object(py, Progress { leg, at_ns, code, phrase, early_media })
        }
        What::Tried { leg, target, cause, code, next } => {
            object(py, Tried { leg, at_ns, target, cause: cause.to_owned(), next, code })
        }
        What::Answered { leg, code, phrase, codec, dialog } => {
            object(py, Answered { leg, at_ns, code, phrase, codec: codec.to_owned(), dialog })
        }
        What::AnswerConfirmed { leg, how, codec } => {
            object(py, AnswerConfirmed { leg, at_ns, how: how.to_owned(), codec: codec.to_owned() })
        }
        What::LateAnswer { leg, code } => object(py, LateAnswer { leg, at_ns, code }),
        What::Ended(ended) => object(py, ended_to_python(ended, at_ns)),
        What::Dtmf { leg, digit, duration_ms, how } => {
            object(py, Dtmf { leg, at_ns, digit: digit.to_string(), duration_ms, how: how.to_owned() })
        }
        What::Talking { room, leg, on } => object(py, Talking { room, leg, at_ns, on }),
        What::Machine { op, leg, verdict, why } => {
            object(py, Machine { op, leg, at_ns, verdict: verdict.to_owned(), why: why.to_owned() })
        }
        What::OpDone { op, leg, result, detail, duration_ms } => {
            object(py, OpDone { op, leg, at_ns, result: result.to_owned(), detail, duration_ms })
        }
        What::GatherDone { op, leg, digits, result, terminator, detail } => {
            let terminator = terminator.map(String::from);
            object(py, GatherDone { op, leg, at_ns, digits, result: result.to_owned(), terminator, detail })
        }
        What::MediaLost { leg } => object(py, MediaLost { leg, at_ns }),
        What::Held { leg, on } => object(py, Held { leg, at_ns, on }),
        What::TransferRequested { leg, target, replaces, has_replaces, referred_by } => {
            object(py, TransferRequested { leg, at_ns, target, replaces, has_replaces, referred_by })
        }
        What::TransferProgress { leg, code, phrase, is_final } => {
            object(py, TransferProgress { leg, at_ns, code, phrase, is_final })
        }
        What::HoldDone { leg, on, code } => object(py, HoldDone { leg, at_ns, on, code }),
        What::LegStats(stats) => object(py, stats_to_python(&stats, at_ns)),
        What::PhoneRegistered { phone, contact, expires_s, source, user_agent } => {
            object(py, PhoneRegistered { phone, at_ns, contact, expires_s, source, user_agent })
        }
        What::PhoneGone { phone, contact, why } => object(py, PhoneGone { phone, at_ns, contact, why: why.to_owned() }),
        What::Registration { trunk, state, code, phrase, expires_s } => {
            object(py, Registration { trunk, at_ns, state: state.to_owned(), code, phrase, expires_s })
        }
        What::TrunkState { trunk, gateway, up, code, round_trip_ms } => {
            object(py, TrunkState { trunk, at_ns, gateway, up, code, round_trip_ms })
        }
        What::Overload { on, why } => object(py, Overload { at_ns, on, why: why.to_owned() }),
        What::Fault { what, leg } => object(py, Fault { at_ns, what, leg }),
        What::Trace { leg, sent, peer, message } => {
            let direction = if sent { "sent" } else { "received" };
            object(py, Trace { at_ns, leg, direction: direction.to_owned(), peer, message })
        }
    }
}

fn incoming_to_python(from: ringback_engine::Incoming, at_ns: u64) -> Incoming {
    Incoming {
        leg: from.leg,
        at_ns,
        trunk: from.trunk,
        phone: from.phone,
        source: from.source,
        call_id: from.call_id,
        request_uri: from.request_uri,
        to_uri: from.to_uri,
        from_uri: from.from_uri,
        headers: from.headers,
        codec_ok: from.codec_ok,
        dialog: from.dialog,
        replaces: from.replaces,
    }
}

fn ended_to_python(from: ringback_engine::Ended, at_ns: u64) -> Ended {
    Ended {
        leg: from.leg,
        at_ns,
        cause: from.cause.to_owned(),
        side: from.side.to_owned(),
        code: from.code,
        phrase: from.phrase,
        reason: from.reason,
        q850: from.q850,
        retry_after_s: from.retry_after_s,
    }
}

fn stats_to_python(from: &ringback_engine::LegStats, at_ns: u64) -> LegStats {
    LegStats {
        leg: from.leg,
        at_ns,
        codec: from.codec.to_owned(),
        packets_sent: from.packets_sent,
        packets_received: from.packets_received,
        packets_lost: from.packets_lost,
        jitter_ms: from.jitter_ms,
        round_trip_ms: from.round_trip_ms,
        packets_late: from.packets_late,
        concealed_ms: from.concealed_ms,
        jitter_max_ms: from.jitter_max_ms,
        loss_percent: from.loss_percent,
        remote_loss_percent: from.remote_loss_percent,
        mos: from.mos,
    }
}
