//! Where a rollout that moves traffic is: its stage, how much has moved, and how many tasks each revision shall have.
//!
//! Data and small rules; `shift` acts on them. A rolling update has none of this.
//!
//! ```text
//! RECONCILE_SERVICE → PRE_SCALE_UP → SCALE_UP → POST_SCALE_UP → TEST_TRAFFIC_SHIFT → POST_TEST_TRAFFIC_SHIFT
//!   → (PRE_PRODUCTION_TRAFFIC_SHIFT → PRODUCTION_TRAFFIC_SHIFT) for each step → POST_PRODUCTION_TRAFFIC_SHIFT
//!   → BAKE_TIME → CLEAN_UP
//! back, from wherever it was: SCALE_UP → PRODUCTION_TRAFFIC_SHIFT → TEST_TRAFFIC_SHIFT → CLEAN_UP
//! ```

use super::super::service::Step;
use super::hooks::Run;
use crate::simulator::call::Millis;

/// All production traffic, in tenths of a percent.
pub(super) const ALL: u32 = 1_000;

/// The traffic of one service deployment.
#[derive(Debug, Clone)]
pub(in super::super) struct Traffic {
    /// The revision that has the traffic before; none for a first rollout.
    pub(in super::super) source: Option<String>,
    pub(in super::super) stage: Stage,
    /// When the stage's own work was done.
    pub(super) done: Option<Millis>,
    /// The stage's hooks, once they have been started.
    pub(in super::super) hooks: Option<Vec<Run>>,
    pub(super) steps: Vec<Step>,
    /// The step that comes next or is being made.
    pub(super) step: usize,
    /// Tenths of a percent of production traffic that go to the target.
    pub(in super::super) production: u32,
    /// Whether test traffic goes to the target.
    pub(in super::super) test: bool,
    /// Whether it is on its way back.
    pub(in super::super) back: bool,
}

/// `lifecycleStage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Stage {
    ReconcileService,
    PreScaleUp,
    ScaleUp,
    PostScaleUp,
    TestTrafficShift,
    PostTestTrafficShift,
    PreProductionTrafficShift,
    ProductionTrafficShift,
    PostProductionTrafficShift,
    BakeTime,
    CleanUp,
}

impl Stage {
    pub(in super::super) fn as_str(self) -> &'static str {
        match self {
            Stage::ReconcileService => "RECONCILE_SERVICE",
            Stage::PreScaleUp => "PRE_SCALE_UP",
            Stage::ScaleUp => "SCALE_UP",
            Stage::PostScaleUp => "POST_SCALE_UP",
            Stage::TestTrafficShift => "TEST_TRAFFIC_SHIFT",
            Stage::PostTestTrafficShift => "POST_TEST_TRAFFIC_SHIFT",
            Stage::PreProductionTrafficShift => "PRE_PRODUCTION_TRAFFIC_SHIFT",
            Stage::ProductionTrafficShift => "PRODUCTION_TRAFFIC_SHIFT",
            Stage::PostProductionTrafficShift => "POST_PRODUCTION_TRAFFIC_SHIFT",
            Stage::BakeTime => "BAKE_TIME",
            Stage::CleanUp => "CLEAN_UP",
        }
    }
}

/// How many tasks a revision shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Aim {
    /// The service's desired count.
    All,
    None,
    /// What it has: a failed revision starts nothing more.
    Keep,
}

impl Traffic {
    pub(super) fn new(source: Option<String>, steps: Vec<Step>, first: Stage) -> Traffic {
        // Nothing to share with: a first revision gets everything at once.
        let skipped = if source.is_some() {
            0
        } else {
            steps.len().saturating_sub(1)
        };
        Traffic {
            source,
            stage: first,
            done: None,
            hooks: None,
            steps,
            step: skipped,
            production: 0,
            test: false,
            back: false,
        }
    }

    pub(super) fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.done = None;
        self.hooks = None;
    }

    /// Goes on to what comes after the present stage.
    pub(super) fn go_on(&mut self) {
        let next = match (self.stage, self.back) {
            (Stage::ReconcileService, _) => Stage::PreScaleUp,
            (Stage::PreScaleUp, _) => Stage::ScaleUp,
            (Stage::ScaleUp, false) => Stage::PostScaleUp,
            (Stage::ScaleUp, true) => Stage::ProductionTrafficShift,
            (Stage::PostScaleUp, _) => Stage::TestTrafficShift,
            (Stage::TestTrafficShift, false) => Stage::PostTestTrafficShift,
            (Stage::TestTrafficShift, true) => Stage::CleanUp,
            (Stage::PostTestTrafficShift, _) => Stage::PreProductionTrafficShift,
            (Stage::PreProductionTrafficShift, _) => Stage::ProductionTrafficShift,
            (Stage::ProductionTrafficShift, true) => Stage::TestTrafficShift,
            (Stage::ProductionTrafficShift, false) if self.step + 1 < self.steps.len() => {
                self.step += 1;
                Stage::PreProductionTrafficShift
            }
            (Stage::ProductionTrafficShift, false) => Stage::PostProductionTrafficShift,
            (Stage::PostProductionTrafficShift, _) => Stage::BakeTime,
            (Stage::BakeTime | Stage::CleanUp, _) => Stage::CleanUp,
        };
        self.enter(next);
    }

    /// Turns round.
    pub(super) fn turn_back(&mut self) {
        self.back = true;
        self.enter(Stage::ScaleUp);
    }

    /// The step that is being made, or that has just been.
    pub(super) fn present_step(&self) -> Step {
        let all = Step {
            permille: ALL,
            bake: 0,
        };
        self.steps.get(self.step).copied().unwrap_or(all)
    }

    /// Percent of production traffic and of test traffic that the target gets, or the source.
    pub(in super::super) fn weights(&self, target: bool) -> (f64, f64) {
        let production = f64::from(self.production) / 10.0;
        let test = if self.test { 100.0 } else { 0.0 };
        match target {
            true => (production, test),
            false => (100.0 - production, 100.0 - test),
        }
    }

    /// How many tasks a revision shall have; `over` once the service deployment has ended without a way back.
    pub(in super::super) fn aim(&self, revision: &str, target: &str, over: bool) -> Aim {
        let ended = self.stage == Stage::CleanUp && !over;
        let begun = !matches!(self.stage, Stage::ReconcileService | Stage::PreScaleUp);
        if self.source.as_deref() == Some(revision) {
            if ended && !self.back {
                Aim::None
            } else {
                Aim::All
            }
        } else if revision != target {
            Aim::None
        } else if over {
            Aim::Keep
        } else {
            match (self.back, ended) {
                (true, true) => Aim::None,
                (true, false) => Aim::Keep,
                (false, _) if begun => Aim::All,
                (false, _) => Aim::None,
            }
        }
    }
}
