//! Which task sizes Fargate has.
//!
//! Takes cpu and memory as a caller may write them, gives AWS's normal form. Pure.

use super::input::client;
use crate::simulator::call::Refusal;

/// A valid size, in the units AWS reads back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    /// 1,024 units are one vCPU.
    pub(super) cpu_units: u32,
    pub(super) memory_mib: u32,
}

/// The sizes on sale: cpu units, least and most memory in MiB, and the step between
/// (AmazonECS/latest/developerguide/fargate-tasks-services.html).
const SIZES: [(u32, u32, u32, u32); 8] = [
    (256, 512, 1_024, 512),
    (256, 2_048, 2_048, 1_024),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

/// Reads a Fargate size. `cpu` is units or `.5 vCPU`, `memory` is MiB or `1 GB`.
pub(super) fn size(cpu: Option<&str>, memory: Option<&str>) -> Result<Size, Refusal> {
    let cpu =
        cpu.ok_or_else(|| client("Fargate requires that 'cpu' be defined at the task level."))?;
    let memory = memory
        .ok_or_else(|| client("Fargate requires that 'memory' be defined at the task level."))?;
    let cpu_units = scaled(cpu, "vcpu").ok_or_else(|| client("Invalid 'cpu' setting for task."))?;
    let memory_mib =
        scaled(memory, "gb").ok_or_else(|| client("Invalid 'memory' setting for task."))?;
    let on_sale = SIZES.iter().any(|&(units, least, most, step)| {
        units == cpu_units
            && (least..=most).contains(&memory_mib)
            && (memory_mib - least).is_multiple_of(step)
    });
    if on_sale {
        return Ok(Size {
            cpu_units,
            memory_mib,
        });
    }
    Err(client(format!(
        "No Fargate configuration exists for given values: {cpu_units} CPU, {memory_mib} memory. \
         See the Amazon ECS documentation for the valid values."
    )))
}

/// A whole number, or a decimal number of `unit`s of 1,024.
fn scaled(text: &str, unit: &str) -> Option<u32> {
    let text = text.trim().to_ascii_lowercase();
    let Some(number) = text.strip_suffix(unit) else {
        return text.parse().ok();
    };
    let number: f64 = number.trim().parse().ok()?;
    let scaled = number * 1_024.0;
    // Exact by construction: the largest size is far below 2^32, and what is not on sale is refused by the table.
    (0.0..=f64::from(u32::MAX))
        .contains(&scaled)
        .then_some(scaled as u32)
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read_in_either_unit_and_only_those_on_sale_pass() {
        for (cpu, memory, want) in [
            ("256", "512", Some((256, 512))),
            ("256", "1536", None),
            ("256", "2048", Some((256, 2_048))),
            (".5 vCPU", "1 GB", Some((512, 1_024))),
            ("1vcpu", "2GB", Some((1_024, 2_048))),
            ("512", "512", None),
            ("512", "4096", Some((512, 4_096))),
            ("4096", "4096", None),
            ("8192", "18432", None),
            ("16384", "122880", Some((16_384, 122_880))),
            ("300", "512", None),
            ("a", "512", None),
            ("-1 vCPU", "512", None),
        ] {
            let got = size(Some(cpu), Some(memory))
                .ok()
                .map(|size| (size.cpu_units, size.memory_mib));
            assert_eq!(got, want, "{cpu} {memory}");
        }
    }
}
