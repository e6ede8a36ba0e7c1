#include "source/http/connection_manager/date_cache.h"

#include <time.h>

#include <cstdio>
#include <cstring>

namespace remora::connection_manager {

void DateCache::Refresh(event::TimePoint now) {
  static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const int64_t wall = clock_.WallNow();
  offset_ = wall - now;
  const time_t seconds = static_cast<time_t>(wall / event::kSecond);
  next_ = now + event::kSecond - wall % event::kSecond;
  tm parts;
  gmtime_r(&seconds, &parts);
  char text[64];
  std::snprintf(text, sizeof(text), "%s, %02d %s %04d %02d:%02d:%02d GMT", kDays[parts.tm_wday],
                parts.tm_mday, kMonths[parts.tm_mon], parts.tm_year + 1900, parts.tm_hour,
                parts.tm_min, parts.tm_sec);
  std::memcpy(text_, text, sizeof(text_));
}

}  // namespace remora::connection_manager
