//! AWS by region: clients made when a region's first unit is looked at, and one set of request rates each, as AWS counts them.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use aws_config::SdkConfig;

use crate::reconciler::aws::Aws;
use crate::reconciler::aws::limit::{Calls, Limiter};

/// Every region that was asked for, each with its limits. Cheap to clone, and the clones are one.
#[derive(Clone, Default)]
pub struct Regions {
    url: Option<String>,
    known: Arc<std::sync::Mutex<BTreeMap<String, (Aws, Limiter)>>>,
}

impl Regions {
    /// All of AWS's, or what is at `url` instead.
    pub fn at(url: Option<&str>) -> Regions {
        Regions {
            url: url.map(str::to_owned),
            known: Arc::default(),
        }
    }

    /// The region is reached by this configuration.
    pub fn with(self, region: &str, config: SdkConfig) -> Regions {
        self.learn(region, config);
        self
    }

    /// Its clients. Makes no call.
    pub async fn aws(&self, region: &str) -> Aws {
        let known = {
            let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.get(region).map(|(aws, _)| aws.clone())
        };
        match known {
            Some(aws) => aws,
            None => self.learn(region, Aws::config(region, self.url.as_deref()).await),
        }
    }

    /// Of two who learn one region at once the second's is kept: a limiter with a full bucket more.
    fn learn(&self, region: &str, config: SdkConfig) -> Aws {
        let limiter = Limiter::default();
        let aws = Aws::over(&limiter.over(config));
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(region.to_owned(), (aws.clone(), limiter));
        aws
    }

    /// Calls so far, all regions together.
    pub fn calls(&self) -> BTreeMap<String, Calls> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut all: BTreeMap<String, Calls> = BTreeMap::new();
        for (name, calls) in known.values().flat_map(|(_, limiter)| limiter.calls()) {
            let sum = all.entry(name).or_default();
            sum.count += calls.count;
            sum.waited += calls.waited;
        }
        all
    }
}
