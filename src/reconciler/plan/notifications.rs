//! Planning who hears of alarms.
//!
//! The unit's own topic has exactly the manifest's subscriptions. One that its endpoint has not confirmed is subscribed:
//! only a person can confirm it, so it is a note and not a difference.

use super::{Blocked, Call, Kind, Note, Planning, Subject};
use crate::reconciler::resource::Subscription;

impl Planning<'_> {
    pub(super) fn topic(&mut self) {
        let found = self.observed.topic.as_ref();
        let Some(desired) = &self.desired.topic else {
            if found.is_none() {
                let subject = Subject::new(Kind::Topic, &self.spec.topic_arn());
                self.plan.blocked.push(Blocked::Missing { subject });
            }
            return;
        };
        let subject = Subject::new(Kind::Topic, &desired.name);
        let Some(found) = found else {
            let name = desired.name.clone();
            self.step(&subject, Call::CreateTopic { name }, vec![]);
            for subscription in &desired.subscriptions {
                self.needs(&named(subscription), vec![subject.clone()]);
            }
            return;
        };
        let mut planned = Vec::new();
        for subscription in desired
            .subscriptions
            .difference(&found.found.value.subscriptions)
        {
            let call = Call::Subscribe {
                topic: found.found.arn.clone(),
                subscription: subscription.clone(),
            };
            planned.push((subscription, call));
        }
        // One that was never confirmed cannot be ended; AWS forgets it by itself.
        // https://docs.aws.amazon.com/sns/latest/api/API_Unsubscribe.html
        for (subscription, arn) in &found.arns {
            if !desired.subscriptions.contains(subscription) {
                planned.push((subscription, Call::Unsubscribe { arn: arn.clone() }));
            }
        }
        for subscription in desired.subscriptions.intersection(&found.unconfirmed) {
            let subject = named(subscription);
            self.plan.notes.push(Note::Unconfirmed { subject });
        }
        if planned.is_empty() || !self.is_ours(&subject, &found.found) {
            return;
        }
        for (subscription, call) in planned {
            self.step(&named(subscription), call, vec![]);
        }
    }
}

fn named(subscription: &Subscription) -> Subject {
    Subject::new(Kind::Subscription, &String::from(subscription.clone()))
}
