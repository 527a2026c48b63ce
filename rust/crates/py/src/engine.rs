//! `Engine`.

use std::collections::BTreeMap;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyList;
use ringback_engine as native;

use crate::config::{AccessRule, EngineConfig, TrunkConfig};
use crate::defense::DefenseConfig;
use crate::error::raise;
use crate::events::to_python;
use crate::number::Int;
use crate::registering::PhoneConfig;

/// SIP and RTP for one host.
#[pyclass(frozen, module = "ringback._engine")]
#[derive(Debug)]
pub(crate) struct Engine(pub(crate) native::Engine);

impl Engine {
    fn begin(&self, leg: Int, operation: native::Operation) -> PyResult<u64> {
        self.0.start_operation(leg.id("leg")?, operation).map_err(raise)
    }
}

#[pymethods]
impl Engine {
    #[new]
    fn new(config: &EngineConfig) -> PyResult<Self> {
        native::Engine::new(config.0.clone()).map(Self).map_err(raise)
    }

    fn start(&self, py: Python<'_>) -> PyResult<()> {
        // Names of our own addresses may have to be looked up.
        py.detach(|| self.0.start()).map_err(raise)
    }

    #[pyo3(signature = (*, grace_ms = Int(0)), text_signature = "($self, *, grace_ms=0)")]
    fn stop(&self, py: Python<'_>, grace_ms: Int) -> PyResult<()> {
        let grace = Duration::from_millis(grace_ms.within("grace_ms", 0, 86_400_000)?);
        py.detach(|| self.0.stop(grace));
        Ok(())
    }

    fn fileno(&self) -> i32 {
        self.0.fileno()
    }

    #[pyo3(signature = (max_events = Int(256)), text_signature = "($self, max_events=256)")]
    fn drain<'py>(&self, py: Python<'py>, max_events: Int) -> PyResult<Bound<'py, PyList>> {
        let events = self.0.drain(max_events.0).map_err(raise)?;
        let objects: Vec<_> = events.into_iter().map(|event| to_python(py, event)).collect::<PyResult<_>>()?;
        PyList::new(py, objects)
    }

    fn local_address(&self) -> PyResult<String> {
        self.0.local_address().map_err(raise)
    }

    fn local_addresses(&self) -> PyResult<Vec<String>> {
        self.0.local_addresses().map_err(raise)
    }

    fn reload_tls(&self, py: Python<'_>) -> PyResult<()> {
        // Files are read: others may run meanwhile.
        py.detach(|| self.0.reload_tls()).map_err(raise)
    }

    #[allow(clippy::needless_pass_by_value)] // extracted from Python
    fn set_trunks(&self, trunks: Vec<PyRef<'_, TrunkConfig>>) -> PyResult<()> {
        self.0.set_trunks(trunks.iter().map(|trunk| trunk.0.clone()).collect()).map_err(raise)
    }

    #[allow(clippy::needless_pass_by_value)]
    fn set_access(&self, rules: Vec<PyRef<'_, AccessRule>>) -> PyResult<()> {
        self.0.set_access(rules.iter().map(|rule| rule.rule.clone()).collect()).map_err(raise)
    }

    #[pyo3(signature = (phones, *, min_expires_s = Int(60), max_expires_s = Int(3600), max_contacts = Int(50_000),
        max_contacts_per_source = Int(1000), max_registers_per_s = Int(100), keepalive_s = Int(30)))]
    #[pyo3(text_signature = "($self, phones, *, min_expires_s=60, max_expires_s=3600, max_contacts=50000, \
        max_contacts_per_source=1000, max_registers_per_s=100, keepalive_s=30)")]
    #[allow(clippy::too_many_arguments, clippy::needless_pass_by_value)] // keyword-only settings of the contract
    fn set_phones(
        &self,
        phones: Vec<PyRef<'_, PhoneConfig>>,
        min_expires_s: Int,
        max_expires_s: Int,
        max_contacts: Int,
        max_contacts_per_source: Int,
        max_registers_per_s: Int,
        keepalive_s: Int,
    ) -> PyResult<()> {
        let limits = native::RegistrarLimits {
            min_expires_s: min_expires_s.within("min_expires_s", 1, 86_400)?,
            max_expires_s: max_expires_s.within("max_expires_s", 1, 86_400)?,
            max_contacts: max_contacts.within("max_contacts", 1, 1_000_000)?,
            max_contacts_per_source: max_contacts_per_source.within("max_contacts_per_source", 1, 1_000_000)?,
            max_per_s: max_registers_per_s.within("max_registers_per_s", 1, 1_000_000)?,
            keepalive: Duration::from_secs(keepalive_s.within("keepalive_s", 0, 3600)?),
        };
        self.0.set_phones(phones.iter().map(|phone| phone.0.clone()).collect(), limits).map_err(raise)
    }

    fn set_accepting(&self, accepting: bool) -> PyResult<()> {
        self.0.set_accepting(accepting).map_err(raise)
    }

    fn set_defense(&self, defense: &DefenseConfig) -> PyResult<()> {
        self.0.set_defense(defense.0.clone()).map_err(raise)
    }

    fn bans(&self) -> Vec<(String, u64)> {
        self.0.bans()
    }

    #[pyo3(signature = (source, *, seconds))]
    fn ban(&self, source: &str, seconds: Int) -> PyResult<()> {
        self.0.ban(source, seconds.0).map_err(raise)
    }

    fn lift_ban(&self, source: &str) -> PyResult<()> {
        self.0.lift_ban(source).map_err(raise)
    }

    #[pyo3(signature = (*, trunk, gateway, to, from_, call_id, local_tag, display_name = None, headers = Vec::new()))]
    #[pyo3(text_signature = "($self, *, trunk, gateway, to, from_, call_id, local_tag, display_name=None, headers=[])")]
    #[allow(clippy::too_many_arguments)] // keyword-only arguments of the contract
    fn dial(
        &self,
        trunk: Int,
        gateway: String,
        to: String,
        from_: String,
        call_id: String,
        local_tag: String,
        display_name: Option<String>,
        headers: Vec<(String, String)>,
    ) -> PyResult<u64> {
        let trunk = trunk.id("trunk")?;
        let request =
            native::DialRequest { trunk, gateway, to, from: from_, call_id, local_tag, display_name, headers };
        self.0.dial(request).map_err(raise)
    }

    fn ring(&self, leg: Int) -> PyResult<()> {
        self.0.ring(leg.id("leg")?).map_err(raise)
    }

    fn early_media(&self, leg: Int) -> PyResult<()> {
        self.0.early_media(leg.id("leg")?).map_err(raise)
    }

    fn answer(&self, leg: Int) -> PyResult<()> {
        self.0.answer(leg.id("leg")?).map_err(raise)
    }

    #[pyo3(signature = (leg, code, *, reason = None))]
    fn reject(&self, leg: Int, code: Int, reason: Option<String>) -> PyResult<()> {
        self.0.reject(leg.id("leg")?, code.0, reason).map_err(raise)
    }

    #[pyo3(signature = (leg, *, q850 = Some(Int(16)), reason = None))]
    #[pyo3(text_signature = "($self, leg, *, q850=16, reason=None)")]
    fn hangup(&self, leg: Int, q850: Option<Int>, reason: Option<String>) -> PyResult<()> {
        self.0.hangup(leg.id("leg")?, q850.map(|cause| cause.0), reason).map_err(raise)
    }

    fn hold(&self, leg: Int, on: bool) -> PyResult<()> {
        self.0.hold(leg.id("leg")?, on).map_err(raise)
    }

    #[pyo3(signature = (leg, to, *, replaces = None, referred_by = None))]
    fn refer(&self, leg: Int, to: String, replaces: Option<Int>, referred_by: Option<String>) -> PyResult<()> {
        let replaces = replaces.map(|other| other.id("replaces")).transpose()?;
        self.0.refer(leg.id("leg")?, to, replaces, referred_by).map_err(raise)
    }

    fn accept_transfer(&self, leg: Int) -> PyResult<()> {
        self.0.accept_transfer(leg.id("leg")?).map_err(raise)
    }

    #[pyo3(signature = (leg, code = Int(603)), text_signature = "($self, leg, code=603)")]
    fn reject_transfer(&self, leg: Int, code: Int) -> PyResult<()> {
        self.0.reject_transfer(leg.id("leg")?, code.0).map_err(raise)
    }

    fn notify_transfer(&self, leg: Int, code: Int) -> PyResult<()> {
        self.0.notify_transfer(leg.id("leg")?, code.0).map_err(raise)
    }

    fn end_dialog(&self, dialog: String) -> PyResult<()> {
        self.0.end_dialog(dialog).map_err(raise)
    }

    #[pyo3(signature = (leg, files, *, r#loop = Int(1), barge_in = false, gain_db = 0.0))]
    #[pyo3(text_signature = "($self, leg, files, *, loop=1, barge_in=False, gain_db=0.0)")]
    fn play(&self, leg: Int, files: Vec<String>, r#loop: Int, barge_in: bool, gain_db: f64) -> PyResult<u64> {
        self.begin(leg, native::args::play(files, r#loop.0, barge_in, gain_db).map_err(raise)?)
    }

    #[pyo3(signature = (
        leg,
        *,
        files = Vec::new(),
        min_digits = Int(1),
        max_digits = Int(1),
        terminators = "#".to_owned(),
        first_timeout_ms = Int(5000),
        inter_timeout_ms = Int(3000),
        barge_in = true,
    ))]
    #[pyo3(text_signature = "($self, leg, *, files=[], min_digits=1, max_digits=1, terminators='#', \
        first_timeout_ms=5000, inter_timeout_ms=3000, barge_in=True)")]
    #[allow(clippy::too_many_arguments)]
    fn gather(
        &self,
        leg: Int,
        files: Vec<String>,
        min_digits: Int,
        max_digits: Int,
        terminators: String,
        first_timeout_ms: Int,
        inter_timeout_ms: Int,
        barge_in: bool,
    ) -> PyResult<u64> {
        let args = native::args::GatherArgs {
            files,
            min_digits: min_digits.0,
            max_digits: max_digits.0,
            terminators,
            first_timeout_ms: first_timeout_ms.0,
            inter_timeout_ms: inter_timeout_ms.0,
            barge_in,
        };
        self.begin(leg, native::args::gather(args).map_err(raise)?)
    }

    #[pyo3(signature = (leg, path, *, stereo = true, max_ms = Int(3_600_000), silence_stop_ms = Int(0)))]
    #[pyo3(text_signature = "($self, leg, path, *, stereo=True, max_ms=3600000, silence_stop_ms=0)")]
    fn record(&self, leg: Int, path: String, stereo: bool, max_ms: Int, silence_stop_ms: Int) -> PyResult<u64> {
        self.begin(leg, native::args::record(path, stereo, max_ms.0, silence_stop_ms.0).map_err(raise)?)
    }

    #[pyo3(signature = (leg, name, *, duration_ms = Int(0), country = None))]
    #[pyo3(text_signature = "($self, leg, name, *, duration_ms=0, country=None)")]
    fn tone(&self, leg: Int, name: &str, duration_ms: Int, country: Option<&str>) -> PyResult<u64> {
        self.0.tone(leg.id("leg")?, name, country, duration_ms.0).map_err(raise)
    }

    #[pyo3(signature = (leg, digits, *, tone_ms = Int(100), gap_ms = Int(60)))]
    #[pyo3(text_signature = "($self, leg, digits, *, tone_ms=100, gap_ms=60)")]
    fn send_dtmf(&self, leg: Int, digits: &str, tone_ms: Int, gap_ms: Int) -> PyResult<u64> {
        self.begin(leg, native::args::send_dtmf(digits, tone_ms.0, gap_ms.0).map_err(raise)?)
    }

    #[pyo3(signature = (
        leg,
        *,
        initial_silence_ms = Int(4000),
        greeting_ms = Int(1800),
        after_silence_ms = Int(800),
        max_words = Int(6),
        total_ms = Int(8000),
        beep_timeout_ms = Int(30000),
    ))]
    #[pyo3(text_signature = "($self, leg, *, initial_silence_ms=4000, greeting_ms=1800, after_silence_ms=800, \
        max_words=6, total_ms=8000, beep_timeout_ms=30000)")]
    #[allow(clippy::too_many_arguments)]
    fn detect_machine(
        &self,
        leg: Int,
        initial_silence_ms: Int,
        greeting_ms: Int,
        after_silence_ms: Int,
        max_words: Int,
        total_ms: Int,
        beep_timeout_ms: Int,
    ) -> PyResult<u64> {
        let args = native::args::MachineArgs {
            initial_silence_ms: initial_silence_ms.0,
            greeting_ms: greeting_ms.0,
            after_silence_ms: after_silence_ms.0,
            max_words: max_words.0,
            total_ms: total_ms.0,
            beep_timeout_ms: beep_timeout_ms.0,
        };
        self.begin(leg, native::args::detect_machine(args).map_err(raise)?)
    }

    fn join(&self, a: Int, b: Int) -> PyResult<u64> {
        let other = b.id("b")?;
        self.0.start_operation(a.id("a")?, native::Operation::Join { other }).map_err(raise)
    }

    #[pyo3(signature = (*, max_members = Int(100)), text_signature = "($self, *, max_members=100)")]
    fn room(&self, max_members: Int) -> PyResult<u64> {
        self.0.room(max_members.0).map_err(raise)
    }

    fn close_room(&self, room: Int) -> PyResult<()> {
        self.0.close_room(room.id("room")?).map_err(raise)
    }

    #[pyo3(signature = (room, leg, *, role = "talker", mute = false, gain_db = 0.0))]
    #[pyo3(text_signature = "($self, room, leg, *, role='talker', mute=False, gain_db=0.0)")]
    fn join_room(&self, room: Int, leg: Int, role: &str, mute: bool, gain_db: f64) -> PyResult<u64> {
        self.0.join_room(room.id("room")?, leg.id("leg")?, role, mute, gain_db).map_err(raise)
    }

    fn mute(&self, op: Int, on: bool) -> PyResult<()> {
        self.0.mute(op.id("op")?, on).map_err(raise)
    }

    fn set_role(&self, op: Int, role: &str) -> PyResult<()> {
        self.0.set_role(op.id("op")?, role).map_err(raise)
    }

    fn set_gain(&self, op: Int, gain_db: f64) -> PyResult<()> {
        self.0.set_gain(op.id("op")?, gain_db).map_err(raise)
    }

    #[pyo3(signature = (join, leg, *, mode = "monitor", to = None))]
    #[pyo3(text_signature = "($self, join, leg, *, mode='monitor', to=None)")]
    fn tap(&self, join: Int, leg: Int, mode: &str, to: Option<Int>) -> PyResult<u64> {
        let to = to.map(|to| to.id("to")).transpose()?;
        self.0.tap(join.id("join")?, leg.id("leg")?, mode, to).map_err(raise)
    }

    #[pyo3(signature = (op, mode, *, to = None), text_signature = "($self, op, mode, *, to=None)")]
    fn set_tap(&self, op: Int, mode: &str, to: Option<Int>) -> PyResult<()> {
        let to = to.map(|to| to.id("to")).transpose()?;
        self.0.set_tap(op.id("op")?, mode, to).map_err(raise)
    }

    #[pyo3(signature = (
        leg,
        *,
        url,
        address = None,
        private_ok = false,
        rate = Int(8000),
        direction = "both".to_owned(),
        metadata = "{}".to_owned(),
        connect_timeout_ms = Int(5000),
    ))]
    #[pyo3(text_signature = "($self, leg, *, url, address=None, private_ok=False, rate=8000, direction='both', \
        metadata='{}', connect_timeout_ms=5000)")]
    #[allow(clippy::too_many_arguments)]
    fn stream(
        &self,
        leg: Int,
        url: String,
        address: Option<String>,
        private_ok: bool,
        rate: Int,
        direction: String,
        metadata: String,
        connect_timeout_ms: Int,
    ) -> PyResult<u64> {
        let (rate, connect_timeout_ms) = (rate.0, connect_timeout_ms.0);
        let args = native::StreamArgs { url, address, private_ok, rate, direction, metadata, connect_timeout_ms };
        self.0.stream(leg.id("leg")?, args).map_err(raise)
    }

    #[pyo3(signature = (op, *, silence = false), text_signature = "($self, op, *, silence=False)")]
    fn pause_recording(&self, op: Int, silence: bool) -> PyResult<()> {
        self.0.pause_recording(op.id("op")?, silence).map_err(raise)
    }

    fn resume_recording(&self, op: Int) -> PyResult<()> {
        self.0.resume_recording(op.id("op")?).map_err(raise)
    }

    fn stop_op(&self, op: Int) -> PyResult<()> {
        self.0.stop_op(op.id("op")?).map_err(raise)
    }

    fn stats(&self) -> BTreeMap<&'static str, u64> {
        self.0.stats().into_iter().collect()
    }

    fn __repr__(&self) -> String {
        match self.0.local_address() {
            Ok(address) => format!("<Engine at {address}>"),
            Err(_) => "<Engine not started>".to_owned(),
        }
    }
}
