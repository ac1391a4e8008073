#include "service/http/answer_space.h"

#include "service/query/page.h"

namespace billhook::http {

void AnswerSpace::Part::Become(std::size_t bytes) {
  *used_ += bytes - bytes_;
  bytes_ = bytes;
}

std::shared_ptr<AnswerSpace::Part> AnswerSpace::Take() {
  std::size_t used = *used_;
  std::size_t bytes = 0;
  do {
    bytes = used + query::kMaxPageBytes <= kBytes ? query::kMaxPageBytes : kSmallPageBytes;
  } while (!used_->compare_exchange_weak(used, used + bytes));
  return std::make_shared<Part>(used_, bytes);
}

}  // namespace billhook::http
