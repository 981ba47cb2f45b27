#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "hubcache/mirror/import_source.h"

namespace hubcache::mirror {

/// Does it; when it throws an Error, that is complained of, beginning with `what`, unless it is
/// kCancelled: then nothing more can be done.
void with_complaint(const Complain& complain, const std::string& what,
                    const std::function<void()>& work);
/// The item of an index, for people.
std::string described(const Index::Item& item);
/// The description that the index means. Throws kCorrupt when it is another text, kBadRequest when
/// it is of another commit or cannot be understood.
Description parse_described(const Index::Item& item, std::string_view text);

}  // namespace hubcache::mirror
