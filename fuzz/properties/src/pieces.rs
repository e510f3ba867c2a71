//! Bytes as they may arrive: cut in every way that is worth it.

/// Longer inputs are not cut at every byte.
const EVERY_CUT_BYTES_MAX: usize = 200;

/// Ways to cut so many bytes, each as the ends of its pieces: at once, byte by byte, in pieces of one size, and in two
/// at every byte of a short input.
pub(crate) fn cuts(bytes: usize) -> impl Iterator<Item = Vec<usize>> {
    let sizes = [usize::MAX, 1, 2, 3, 7, 61].into_iter().map(move |size| {
        let mut ends: Vec<usize> =
            (1..).map_while(|n| size.checked_mul(n)).take_while(|end| *end < bytes).collect();
        ends.push(bytes);
        ends
    });
    let every = 1..bytes.min(EVERY_CUT_BYTES_MAX + 1);
    let in_two = every.filter(move |_| bytes <= EVERY_CUT_BYTES_MAX).map(move |at| vec![at, bytes]);
    sizes.chain(in_two)
}
