//! The adaptive part of one sub-band (G.722 sections 3.5 and 3.6): scale factor and predictor, the same in both
//! directions, so that encoder and decoder stay in step.
//!
//! Variable names are those of the Recommendation (`nb`, `det`, `a`, `b`, `p`, `r`, `d`).

use super::tables::ILB;

/// Which sub-band.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// 0-4 kHz.
    Low,
    /// 4-8 kHz.
    High,
}

impl Kind {
    /// Return the largest log scale factor and the shift of its conversion.
    fn limits(self) -> (i32, i32) {
        match self {
            Self::Low => (18432, 8),
            Self::High => (22528, 10),
        }
    }
}

/// State of one sub-band.
#[derive(Debug, Clone)]
pub(super) struct Band {
    kind: Kind,
    /// Log scale factor.
    nb: i32,
    /// Quantizer step.
    pub(super) det: i32,
    /// Prediction of the next sample, and the part of it by zeros.
    pub(super) s: i32,
    sz: i32,
    /// Two coefficients for poles, six for zeros.
    a: [i32; 2],
    b: [i32; 6],
    /// Newest first: reconstructed signals, partially reconstructed ones, differences.
    r: [i32; 2],
    p: [i32; 2],
    d: [i32; 6],
}

impl Band {
    pub(super) fn new(kind: Kind) -> Self {
        let det = if kind == Kind::Low { 32 } else { 8 };
        Self { kind, nb: 0, det, s: 0, sz: 0, a: [0; 2], b: [0; 6], r: [0; 2], p: [0; 2], d: [0; 6] }
    }

    /// Take the quantized difference of a sample and the multiplier its code stands for.
    pub(super) fn adapt(&mut self, difference: i32, multiplier: i32) {
        let (most, shift) = self.kind.limits();
        self.nb = (((self.nb * 127) >> 7) + multiplier).clamp(0, most);
        self.det = self.linear(shift) << 2;
        self.predict(difference);
    }

    /// SCALEL, SCALEH: the step out of its logarithm.
    #[allow(clippy::cast_sign_loss)] // five bits
    fn linear(&self, shift: i32) -> i32 {
        let mantissa = ILB[((self.nb >> 6) & 31) as usize];
        let shift = shift - (self.nb >> 11);
        if shift < 0 { mantissa << -shift } else { mantissa >> shift }
    }

    fn predict(&mut self, d: i32) {
        let r = saturated(self.s + d);
        let p = saturated(self.sz + d);
        self.a = self.poles(p);
        self.b = self.zeros(d);
        self.p = [p, self.p[0]];
        self.r = [r, self.r[0]];
        self.d.copy_within(..5, 1);
        self.d[0] = d;
        // FILTEP, FILTEZ, PREDIC.
        let sp = saturated(half_product(self.a[0], self.r[0]) + half_product(self.a[1], self.r[1]));
        self.sz = saturated(self.b.iter().zip(&self.d).map(|(&b, &d)| half_product(b, d)).sum());
        self.s = saturated(sp + self.sz);
    }

    /// UPPOL2 and UPPOL1: the poles follow the signs of `p`, within the bounds of stability.
    fn poles(&self, p: i32) -> [i32; 2] {
        let [a1, a2] = self.a;
        let same_as_last = same_sign(p, self.p[0]);
        let lean = saturated(a1 << 2);
        let lean = if same_as_last { -lean } else { lean }.min(32767) >> 7;
        let pull = if same_sign(p, self.p[1]) { 128 } else { -128 };
        let second = (lean + pull + ((a2 * 32512) >> 15)).clamp(-12288, 12288);
        let bound = saturated(15360 - second);
        let step = if same_as_last { 192 } else { -192 };
        let first = saturated(step + ((a1 * 32640) >> 15)).clamp(-bound, bound);
        [first, second]
    }

    /// UPZERO.
    fn zeros(&self, d: i32) -> [i32; 6] {
        let step = if d == 0 { 0 } else { 128 };
        let mut b = self.b;
        for (b, &older) in b.iter_mut().zip(&self.d) {
            *b = saturated((if same_sign(d, older) { step } else { -step }) + ((*b * 32640) >> 15));
        }
        b
    }
}

/// Return a value cut to 16 bits.
pub(super) fn saturated(value: i32) -> i32 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX))
}

fn half_product(coefficient: i32, value: i32) -> i32 {
    (coefficient * saturated(value + value)) >> 15
}

fn same_sign(one: i32, other: i32) -> bool {
    one >> 15 == other >> 15
}
