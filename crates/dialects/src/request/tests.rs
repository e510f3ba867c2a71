//! Every rule of a request to listen.
