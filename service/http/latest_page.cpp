#include "service/http/latest_page.h"

namespace billhook::http {

std::string LatestPage::Text() {
  const std::lock_guard lock(mutex_);
  if (!made_at_ || clock_() - *made_at_ >= kFreshFor) {
    text_ = make_();
    made_at_ = clock_();
  }
  return text_;
}

}  // namespace billhook::http
