#pragma once

#include <cstdint>
#include <initializer_list>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hubcache/obs/counts.h"

namespace hubcache::obs {

/// Label and value. Of closed sets only: no repo, no user, no client (SECURITY 23).
using Labels = std::vector<std::pair<std::string, std::string>>;

/// The numbers of one name, as Prometheus has them.
class Family {
 public:
  enum class Type : std::uint8_t { kCounter, kGauge, kHistogram };
  struct Point {
    Labels labels;
    double value = 0;
    Timings::Sum timings{};  // of a histogram, in place of `value`
  };

  Family(Type type, std::string_view name, std::string_view help)
      : type_(type), name_(name), help_(help) {}

  Family& add(double value, Labels labels = {});
  Family& add(std::uint64_t value, Labels labels = {});
  Family& add(const Timings::Sum& timings, Labels labels = {});
  /// One point for each status that there was, with `status` after `labels`. What has been counted
  /// with these labels already grows.
  Family& add(const StatusCounts& counts, const Labels& labels);

  Type type() const noexcept { return type_; }
  const std::string& name() const noexcept { return name_; }
  const std::string& help() const noexcept { return help_; }
  const std::vector<Point>& points() const noexcept { return points_; }
  /// Of all points that have that label, or of all there are.
  double sum(std::string_view label = {}, std::string_view value = {}) const;

 private:
  Point& point(Labels labels);

  Type type_;
  std::string name_;
  std::string help_;
  std::vector<Point> points_;
};

/// One look at all numbers: what is scraped, and what `hubcache status` tells.
class Families {
 public:
  /// "_total" ends the name of a counter, its unit that of others.
  Family& counter(std::string_view name, std::string_view help);
  Family& gauge(std::string_view name, std::string_view help);
  Family& histogram(std::string_view name, std::string_view help);

  const std::list<Family>& all() const noexcept { return families_; }
  /// Family::sum() of that name; 0 when there is none.
  double sum(std::string_view name, std::string_view label = {}, std::string_view value = {}) const;
  /// In the text format of Prometheus, version 0.0.4.
  std::string exposition() const;

 private:
  std::list<Family> families_;  // whose addresses stay
};

/// The content type of exposition().
inline constexpr std::string_view kExpositionType = "text/plain; version=0.0.4; charset=utf-8";

/// Adds what the kernel says of this process, by the names that Prometheus' clients use.
void add_process(Families& families);

}  // namespace hubcache::obs
