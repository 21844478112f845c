#pragma once

/// Names of files in a run directory that more than one file of this library needs.

namespace kexp::record {

inline constexpr const char* kLockFile = ".lock";
inline constexpr const char* kRunFile = "run.json";
inline constexpr const char* kLedgerFile = "ledger.json";

}  // namespace kexp::record
