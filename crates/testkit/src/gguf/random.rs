//! Numbers by chance that are the same everywhere.

/// `SplitMix64`.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number of mean 0 and variance 1: the sum of four even ones, near enough to a normal one.
    #[expect(clippy::cast_precision_loss, reason = "the sum stays below 2^18, which a float holds")]
    pub(super) fn normal(&mut self) -> f32 {
        let bits = self.next();
        let quarter = |shift: u32| i32::from(((bits >> shift) & 0xFFFF) as u16);
        let sum = quarter(0) + quarter(16) + quarter(32) + quarter(48) - 2 * 0xFFFF;
        // Four even numbers have variance 1/3.
        sum as f32 * (SQRT_3 / 65_536.0)
    }
}

const SQRT_3: f32 = 1.732_050_8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_mean_0_and_variance_1() {
        let mut random = Random::new(3);
        let numbers: Vec<f64> = (0..100_000).map(|_| f64::from(random.normal())).collect();
        let mean = numbers.iter().sum::<f64>() / 1e5;
        let variance = numbers.iter().map(|number| number * number).sum::<f64>() / 1e5;
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.02, "{mean} {variance}");
    }
}
