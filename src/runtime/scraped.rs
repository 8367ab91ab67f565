//! Gauges that are computed when they are scraped.
//!
//! What depends on the time (an age, a bucket that fills) would be wrong between two updates by events, and
//! a timer that updates it would work for nobody most of the time. Such a gauge is asked instead.

use std::fmt;
use std::sync::{Arc, OnceLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Unit;

type Source = Box<dyn Fn() -> Option<f64> + Send + Sync>;

/// A gauge without a stored value. Clones are the same gauge.
#[derive(Clone)]
pub struct Scraped {
    name: &'static str,
    help: &'static str,
    unit: Option<Unit>,
    source: Arc<OnceLock<Source>>,
}

impl Scraped {
    /// A gauge that nobody answers for yet: it is left out of the page.
    #[must_use]
    pub fn new(name: &'static str, help: &'static str, unit: Option<Unit>) -> Self {
        Self { name, help, unit, source: Arc::default() }
    }

    /// Says who answers: from now on each scrape calls `source`, which must not wait for anything. `None`
    /// leaves the gauge out. The first source stays.
    pub fn ask(&self, source: impl Fn() -> Option<f64> + Send + Sync + 'static) {
        self.source.get_or_init(|| Box::new(source));
    }
}

impl Collector for Scraped {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(value) = self.source.get().and_then(|source| source()) else { return Ok(()) };
        let unit = self.unit.as_ref();
        // The registry ends the help of its own metrics with a full stop; collectors have to do it themselves.
        let help = format!("{}.", self.help);
        let metric = encoder.encode_descriptor(self.name, &help, unit, MetricType::Gauge)?;
        ConstGauge::new(value).encode(metric)
    }
}

impl fmt::Debug for Scraped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scraped").field("name", &self.name).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use prometheus_client::encoding::text::encode;
    use prometheus_client::registry::Registry;

    use super::*;

    #[test]
    fn each_scrape_asks_anew_and_nobody_to_ask_is_no_line() {
        let mut registry = Registry::default();
        let gauge = Scraped::new("age", "An age", Some(Unit::Seconds));
        registry.sub_registry_with_prefix("p").register_collector(Box::new(gauge.clone()));
        let page = || {
            let mut text = String::new();
            encode(&mut text, &registry).unwrap();
            text
        };
        assert_eq!(page(), "# EOF\n");
        let scrapes = AtomicU32::new(0);
        gauge.ask(move || Some(f64::from(scrapes.fetch_add(1, Ordering::Relaxed))).filter(|n| *n != 1.0));
        assert!(page().contains("# HELP p_age_seconds An age.\n"));
        assert_eq!(page(), "# EOF\n", "no answer is no line");
        assert!(page().contains("\np_age_seconds 2.0\n"));
    }
}
