//! Pixels and proportions: makes a decoded picture fit a frame.

use image::imageops::FilterType;
use image::{DynamicImage, GenericImageView};

use crate::Fit;

/// Width and height in pixels.
type Size = (u32, u32);

pub(crate) fn to_frame(picture: DynamicImage, frame: Size, fit: Fit) -> DynamicImage {
    let whole = picture.dimensions();
    let (part, target) = match fit {
        Fit::Contain => (whole, largest_within(whole, frame)),
        Fit::Cover => (largest_within(frame, whole), frame),
        Fit::Stretch => (whole, frame),
    };
    let divisors = (divisor(part.0, target.0), divisor(part.1, target.1));
    let shrunk = shrink(picture, divisors);
    let part = ((part.0 / divisors.0).max(1), (part.1 / divisors.1).max(1));
    centre(shrunk, part).resize_exact(target.0, target.1, FilterType::Lanczos3)
}

/// The largest size with the proportions of `shape` that lies within `limit`.
fn largest_within(shape: Size, limit: Size) -> Size {
    let [shape_width, shape_height] = [u64::from(shape.0), u64::from(shape.1)];
    let [width, height] = [u64::from(limit.0), u64::from(limit.1)];
    if shape_width * height >= shape_height * width {
        (limit.0, scale(shape_height, width, shape_width))
    } else {
        (scale(shape_width, height, shape_height), limit.1)
    }
}

/// `length * numerator / denominator`, rounded, at least one pixel.
fn scale(length: u64, numerator: u64, denominator: u64) -> u32 {
    ((length * numerator + denominator / 2) / denominator).max(1) as u32
}

/// By how much a side may shrink and still be twice as long as its target.
fn divisor(side: u32, target: u32) -> u32 {
    (side / (2 * target)).max(1)
}

/// Averages blocks of pixels. Lanczos would need 16 bytes for every column of the full width; after this
/// coarse step it needs little, takes a fraction of the time and its result looks the same.
fn shrink(picture: DynamicImage, divisors: Size) -> DynamicImage {
    if divisors == (1, 1) {
        return picture;
    }
    let (width, height) = picture.dimensions();
    picture.thumbnail_exact(width / divisors.0, height / divisors.1)
}

fn centre(picture: DynamicImage, part: Size) -> DynamicImage {
    let (width, height) = picture.dimensions();
    if part == (width, height) {
        return picture;
    }
    picture.crop_imm((width - part.0) / 2, (height - part.1) / 2, part.0, part.1)
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    fn picture((width, height): Size) -> DynamicImage {
        image::RgbImage::from_pixel(width, height, Rgb([10, 20, 30])).into()
    }

    #[test]
    fn contain_keeps_the_proportions_inside_the_frame() {
        assert_eq!(to_frame(picture((600, 300)), (100, 100), Fit::Contain).dimensions(), (100, 50));
        assert_eq!(to_frame(picture((300, 600)), (100, 100), Fit::Contain).dimensions(), (50, 100));
    }

    #[test]
    fn contain_enlarges_a_small_picture() {
        assert_eq!(to_frame(picture((3, 2)), (30, 30), Fit::Contain).dimensions(), (30, 20));
    }

    #[test]
    fn contain_leaves_at_least_one_pixel_of_a_line() {
        assert_eq!(to_frame(picture((5000, 1)), (10, 10), Fit::Contain).dimensions(), (10, 1));
    }

    #[test]
    fn stretch_and_cover_fill_the_frame() {
        for fit in [Fit::Stretch, Fit::Cover] {
            assert_eq!(to_frame(picture((601, 299)), (70, 90), fit).dimensions(), (70, 90));
        }
    }

    #[test]
    fn cover_shows_the_centre() {
        let mut wide = image::RgbImage::from_pixel(300, 100, Rgb([255, 0, 0]));
        for (x, _, pixel) in wide.enumerate_pixels_mut() {
            if (100..200).contains(&x) {
                *pixel = Rgb([0, 0, 255]);
            }
        }
        let small = to_frame(wide.into(), (20, 20), Fit::Cover).into_rgb8();
        assert!(small.pixels().all(|pixel| *pixel == Rgb([0, 0, 255])));
    }

    #[test]
    fn an_even_colour_stays_as_it_is() {
        let small = to_frame(picture((1000, 700)), (33, 44), Fit::Stretch).into_rgb8();
        assert!(small.pixels().all(|pixel| *pixel == Rgb([10, 20, 30])));
    }
}
