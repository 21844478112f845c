#include "commands/feed.hpp"
