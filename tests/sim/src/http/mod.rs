//! Requests as read, answers as given, replies as sent.

pub(crate) mod answer;
pub(crate) mod call;
pub(crate) mod refusal;
pub(crate) mod reply;
pub(crate) mod serve;
