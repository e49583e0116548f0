//! The thumbnail plugin: real work in a handler, with limits of its own and refusals a person can read.

mod picture;
mod resize;

use image::ImageDecoder;

wit_bindgen::generate!();

const SIDE_PIXELS_MAX: u32 = 4096;

struct Thumbnail;

export!(Thumbnail);

impl Guest for Thumbnail {
    fn info(image: Vec<u8>) -> Result<Properties, String> {
        let source = picture::open(image)?;
        let (width, height) = source.upright(source.decoder.dimensions());
        Ok(Properties { format: source.format, width, height })
    }

    fn thumbnail(image: Vec<u8>, width: u32, height: u32, fit: Option<Fit>) -> Result<Vec<u8>, String> {
        for (side, pixels) in [("width", width), ("height", height)] {
            if !(1..=SIDE_PIXELS_MAX).contains(&pixels) {
                return Err(format!("{side} `{pixels}` is not between 1 and {SIDE_PIXELS_MAX}"));
            }
        }
        let source = picture::open(image)?;
        let (format, orientation) = (source.format, source.orientation);
        let frame = source.upright((width, height));
        let mut small = resize::to_frame(source.decode()?, frame, fit.unwrap_or(Fit::Contain));
        small.apply_orientation(orientation);
        picture::encode(&small, format)
    }
}
