//! Local Qwen models, run by llama.cpp.
