//! The interface `shapes`: its functions are the handlers `demo/shapes.area` and so on.

use std::f64::consts::PI;

use crate::Demo;
use crate::exports::windlass::demo::shapes::{Guest, OneOfEach, Point, Shape, Size};

impl Guest for Demo {
    fn area(shape: Shape) -> f64 {
        match shape {
            Shape::Circle(radius) => PI * radius * radius,
            Shape::Dot => 0.0,
            Shape::Polygon(corners) => polygon_area(&corners),
            Shape::Rectangle(Size { width, height }) => width * height,
        }
    }

    fn describe(shape: Shape) -> String {
        match shape {
            Shape::Circle(radius) => format!("a circle of radius {radius}"),
            Shape::Dot => "a dot".to_owned(),
            Shape::Polygon(corners) => format!("a polygon with {} corners", corners.len()),
            Shape::Rectangle(Size { width, height }) => format!("a rectangle of {width} by {height}"),
        }
    }

    fn everything(v: OneOfEach) -> OneOfEach {
        v
    }

    fn scale(shape: Shape, factor: f64) -> Shape {
        let scaled = |Point { x, y }| Point { x: x * factor, y: y * factor };
        match shape {
            Shape::Circle(radius) => Shape::Circle(radius * factor),
            Shape::Dot => Shape::Dot,
            Shape::Polygon(corners) => Shape::Polygon(corners.into_iter().map(scaled).collect()),
            Shape::Rectangle(Size { width, height }) => {
                Shape::Rectangle(Size { width: width * factor, height: height * factor })
            }
        }
    }
}

/// The shoelace formula: half the sum of the cross products of neighbouring corners.
fn polygon_area(corners: &[Point]) -> f64 {
    let next = corners.iter().cycle().skip(1);
    let cross_products = corners.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y);
    cross_products.sum::<f64>().abs() / 2.0
}
