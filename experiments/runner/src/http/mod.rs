//! The HTTP/1.1 client side, written for measuring: requests are laid out once, responses are checked
//! byte by byte, and no copy is made that is not needed for the check.

mod askers;
mod checked;
mod first;
mod kept;
mod request;
mod response;
mod series;
mod wrong;

pub use askers::Askers;
pub use checked::ResponseChecker;
pub use first::{Answer, First, FirstAnswer, exchange, first_answer, listens};
pub use kept::Kept;
pub use request::PreparedRequest;
pub use response::{Progress, ResponseReader};
pub use series::series;
pub use wrong::WrongAnswer;
