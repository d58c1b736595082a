//! How long a service's tasks take to be as wanted, and how many run meanwhile, by the strategy of the call.
//!
//! Pure: sums of the unit's own settings and of what starting a task has been measured to take. Not in the sums: the answers of
//! hooks, which are named, and what ECS spends between its stages, of which AWS says nothing.

use super::{Takes, positive};
use crate::reconciler::resource::{Resources, Service};

/// From the scheduler's decision to a running container, image pulled: Fargate's, as measured by many.
/// `aws-facts` §4: a two-task update takes "start (30-60 s) + first health check + drain".
pub(in crate::reconciler::plan) const START_SECONDS: (u32, u32) = (30, 60);

/// Tasks that were not there: started, and healthy once. A target that was just registered needs one pass only
/// (`aws-facts` §4), and so does the container's own check.
pub(super) fn scaled_out(desired: &Resources, count: i32) -> Takes {
    at_once(desired, count).takes()
}

/// The same of a service that was not there. Its requests move at once, whatever the strategy, and the bake time is waited for.
pub(super) fn made(desired: &Resources, service: &Service, count: i32) -> Takes {
    let mut sum = at_once(desired, count);
    sum.bake(service, 0);
    sum.held(service);
    sum.takes()
}

/// Every task replaced.
pub(super) fn replaced(desired: &Resources, service: &Service, count: i32) -> Takes {
    let drain = u32::try_from(desired.target_group.deregistration_delay_seconds).unwrap_or(0);
    let stop = positive(desired.task_definition.container.stop_timeout_seconds);
    let mut sum = started(desired, "");
    let watched = watched_seconds(desired, service);
    if !moves_requests(service) {
        sum.add((drain, drain), format!("drain {drain} s"));
        sum.add((0, stop), format!("stop up to {stop} s"));
        sum.times(batches(service, count));
        sum.bake(service, watched);
        return sum.takes();
    }
    sum.moves(service);
    sum.bake(service, watched);
    sum.add((drain, drain), format!("drain {drain} s"));
    sum.add((0, stop), format!("stop up to {stop} s"));
    sum.held(service);
    sum.takes()
}

/// How many run while `count` are replaced, in words. ECS starts all new tasks beside the old ones where it moves requests,
/// whatever the percentages say.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html>
pub(super) fn meanwhile(service: &Service, count: i32) -> String {
    if moves_requests(service) {
        let both = count.saturating_mul(2);
        return format!(
            "{both} tasks run, {count} new ones beside {count} old ones, until the requests have moved and baked"
        );
    }
    let (fewest, most) = between(service, count);
    format!("from {fewest} to {most} tasks run meanwhile, of {count}")
}

fn moves_requests(service: &Service) -> bool {
    service.strategy != "ROLLING"
}

/// The fewest and the most tasks of a rolling replacement. ECS rounds the fewest up and the most down
/// (API_DeploymentConfiguration).
fn between(service: &Service, count: i32) -> (i32, i32) {
    let fewest = (count * service.healthy_percent_min + 99) / 100;
    (fewest, count * service.healthy_percent_max / 100)
}

/// A rolling replacement goes batch by batch. Each is as many as fit between the fewest and the most that may run; it starts, is
/// seen healthy, and the tasks it replaces drain and stop. A task that drains counts as running until it has stopped, so
/// batches follow each other.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html>
pub(in crate::reconciler::plan) fn batches(service: &Service, count: i32) -> u32 {
    let (fewest, most) = between(service, count);
    let room = positive(most - fewest).max(1);
    positive(count).div_ceil(room).max(1)
}

/// How often ECS waits for the step's bake time: after each share but the last, which is all.
/// <https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_LinearConfiguration.html>
fn waits(strategy: &str, percent: f64) -> u32 {
    /// AWS takes no share of a linear deployment below 3.
    const SHARES_MAX: u32 = 34;
    let shares = match strategy {
        "LINEAR" => SHARES_MAX,
        "CANARY" => 1,
        _ => 0,
    };
    let short_of_all = (1..=shares).filter(|share| f64::from(*share) * percent < 100.0);
    u32::try_from(short_of_all.count()).unwrap_or(shares)
}

/// How far back the slowest of the alarms looks that stop a rollout. ECS keeps a rollout open while it watches them; its formula is
/// not documented, "Amazon ECS computes this time period based on the alarm configuration".
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html>
pub(in crate::reconciler::plan) fn watched_seconds(desired: &Resources, service: &Service) -> u32 {
    let alarms = service
        .alarms
        .iter()
        .filter_map(|name| desired.alarms.get(name));
    let span = alarms.map(|alarm| {
        let periods = alarm.measured().into_iter().map(|it| it.period_seconds);
        positive(periods.max().unwrap_or(0)) * positive(alarm.evaluation_periods)
    });
    span.max().unwrap_or(0)
}

fn first_check(desired: &Resources) -> u32 {
    let balancer = desired.target_group.health_check.interval_seconds;
    let container = desired.task_definition.container.health_interval_seconds;
    positive(balancer.max(container))
}

/// Spans that follow each other.
struct Sum {
    seconds: (u32, u32),
    because: Vec<String>,
}

fn started(desired: &Resources, how: &str) -> Sum {
    let check = first_check(desired);
    let (least, most) = START_SECONDS;
    Sum {
        seconds: (least, most + check),
        because: vec![
            format!("start {least} to {most} s"),
            format!("first health check up to {check} s{how}"),
        ],
    }
}

fn at_once(desired: &Resources, count: i32) -> Sum {
    started(desired, &format!("; {count} at once"))
}

impl Sum {
    fn add(&mut self, (least, most): (u32, u32), because: String) {
        self.seconds.0 += least;
        self.seconds.1 += most;
        self.because.push(because);
    }

    fn times(&mut self, times: u32) {
        if times > 1 {
            self.seconds = (self.seconds.0 * times, self.seconds.1 * times);
            self.because.push(format!("{times} times"));
        }
    }

    /// The requests, share by share.
    fn moves(&mut self, service: &Service) {
        let percent = service.step_percent.unwrap_or(100.0);
        let minutes = positive(service.step_bake_minutes.unwrap_or(0));
        let waits = waits(&service.strategy, percent);
        let seconds = waits * minutes * 60;
        let because = match waits {
            0 => "all requests at once".to_owned(),
            1 => format!("{percent} % of the requests for {minutes} min, then all"),
            _ => format!(
                "{percent} % more of the requests every {minutes} min, {waits} times, then all"
            ),
        };
        self.add((seconds, seconds), because);
    }

    /// The time both revisions run, or ECS watches alarms, whichever is longer.
    fn bake(&mut self, service: &Service, watched: u32) {
        let bake = positive(service.bake_minutes) * 60;
        if bake > 0 {
            self.add((bake, bake), format!("bake {} min", bake / 60));
        }
        let longer = watched.saturating_sub(bake);
        if longer > 0 {
            self.add(
                (0, longer),
                format!("ECS watches alarms up to {longer} s more"),
            );
        }
    }

    /// Hooks take as long as whoever answers.
    fn held(&mut self, service: &Service) {
        let hooks = service.hooks.len();
        if hooks > 0 {
            let because = format!("not counting the answers of {hooks} hooks");
            self.add((0, 0), because);
        }
    }

    fn takes(self) -> Takes {
        Takes {
            seconds_min: self.seconds.0,
            seconds_max: self.seconds.1,
            because: self.because.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconciler::desired::desired;
    use crate::reconciler::manifest::Manifest;
    use crate::reconciler::spec::Spec;

    const DEVELOPMENT: &str = include_str!("../../../../manifests/development.yaml");

    /// The development manifest with this of a service, and no alarm that ECS would watch.
    fn with(change: impl FnOnce(&mut Service)) -> Resources {
        let manifest = Manifest::parse("development.yaml", DEVELOPMENT).unwrap();
        let mut resources = desired(&Spec::believe(&manifest).unwrap());
        resources.service.alarms.clear();
        change(&mut resources.service);
        resources
    }

    fn seconds(of: fn(&Resources, &Service, i32) -> Takes, resources: &Resources) -> (u32, u32) {
        let Takes {
            seconds_min,
            seconds_max,
            because: _,
        } = of(resources, &resources.service, 4);
        (seconds_min, seconds_max)
    }

    #[test]
    fn ecs_rounds_the_fewest_up_and_the_most_down() {
        let half =
            with(|service| (service.healthy_percent_min, service.healthy_percent_max) = (50, 150));
        assert_eq!(between(&half.service, 3), (2, 4));
        assert_eq!(
            (batches(&half.service, 3), batches(&half.service, 4)),
            (2, 1)
        );
    }

    #[test]
    fn a_share_is_waited_for_unless_it_is_all() {
        assert_eq!(waits("BLUE_GREEN", 100.0), 0);
        assert_eq!((waits("CANARY", 10.0), waits("CANARY", 100.0)), (1, 0));
        let linear = [10.0, 40.0, 50.0, 100.0, 3.0].map(|percent| waits("LINEAR", percent));
        assert_eq!(linear, [9, 2, 1, 0, 33]);
    }

    /// Start, check, drain and stop are the same in all: 30, 60 + 10, 30 and 30 s.
    #[test]
    fn each_strategy_takes_its_steps_and_its_bake_time() {
        let (least, most) = (30 + 30, 60 + 10 + 30 + 30);
        let after = |minutes: u32| (least + minutes * 60, most + minutes * 60);
        assert_eq!(seconds(replaced, &with(|_| ())), after(0));
        let set = |strategy: &str, bake, step: Option<(f64, i32)>| {
            let strategy = strategy.to_owned();
            with(move |service| {
                service.strategy = strategy;
                service.bake_minutes = bake;
                (service.step_percent, service.step_bake_minutes) = step.unzip();
            })
        };
        let blue_green = set("BLUE_GREEN", 5, None);
        assert_eq!(seconds(replaced, &blue_green), after(5));
        let canary = set("CANARY", 5, Some((10.0, 3)));
        assert_eq!(seconds(replaced, &canary), after(5 + 3));
        let linear = set("LINEAR", 0, Some((25.0, 2)));
        assert_eq!(seconds(replaced, &linear), after(3 * 2));
        assert_eq!(seconds(made, &linear), (30, 70), "no requests have to move");
        assert_eq!(seconds(made, &canary), (30 + 300, 70 + 300));
    }

    #[test]
    fn alarms_that_stop_a_rollout_are_watched_for_as_long_as_they_look_back() {
        let mut resources = with(|service| service.strategy = "BLUE_GREEN".to_owned());
        let (name, alarm) = resources.alarms.iter().next().unwrap();
        let period = alarm.measured()[0].period_seconds;
        let span = u32::try_from(period * alarm.evaluation_periods).unwrap();
        resources.service.alarms.insert(name.clone());
        let unwatched = with(|service| service.strategy = "BLUE_GREEN".to_owned());
        let (least, most) = seconds(replaced, &unwatched);
        assert_eq!(seconds(replaced, &resources), (least, most + span));
        resources.service.bake_minutes = i32::try_from(span).unwrap() / 60 + 1;
        let bake = positive(resources.service.bake_minutes) * 60;
        assert_eq!(seconds(replaced, &resources), (least + bake, most + bake));
    }
}
