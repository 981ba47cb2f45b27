#include "hubcache/obs/families.h"

#include <algorithm>
#include <limits>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace hubcache::obs {
namespace {

prometheus::MetricType type_of(Family::Type type) {
  switch (type) {
    case Family::Type::kCounter:
      return prometheus::MetricType::Counter;
    case Family::Type::kGauge:
      return prometheus::MetricType::Gauge;
    case Family::Type::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric::Histogram histogram_of(const Timings::Sum& sum) {
  prometheus::ClientMetric::Histogram histogram;
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < sum.buckets.size(); ++i) {
    below += sum.buckets[i];
    const double bound =
        i < Timings::kBounds.size() ? Timings::kBounds[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({.cumulative_count = below, .upper_bound = bound});
  }
  histogram.sample_count = below;
  histogram.sample_sum = sum.seconds;
  return histogram;
}

prometheus::ClientMetric metric_of(Family::Type type, const Family::Point& point) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : point.labels) metric.label.push_back({name, value});
  switch (type) {
    case Family::Type::kCounter:
      metric.counter.value = point.value;
      break;
    case Family::Type::kGauge:
      metric.gauge.value = point.value;
      break;
    case Family::Type::kHistogram:
      metric.histogram = histogram_of(point.timings);
      break;
  }
  return metric;
}

std::string status_text(std::size_t index) {
  const int status = StatusCounts::kKnown[index];
  return status == 0 ? "none" : std::to_string(status);
}

}  // namespace

Family::Point& Family::point(Labels labels) {
  const auto found = std::ranges::find(points_, labels, &Point::labels);
  if (found != points_.end()) return *found;
  return points_.emplace_back(Point{.labels = std::move(labels)});
}

Family& Family::add(double value, Labels labels) {
  point(std::move(labels)).value += value;
  return *this;
}

Family& Family::add(std::uint64_t value, Labels labels) {
  return add(static_cast<double>(value), std::move(labels));
}

Family& Family::add(const Timings::Sum& timings, Labels labels) {
  point(std::move(labels)).timings += timings;
  return *this;
}

Family& Family::add(const StatusCounts& counts, const Labels& labels) {
  const auto with = [&labels](std::string status) {
    auto all = labels;
    all.emplace_back("status", std::move(status));
    return all;
  };
  for (std::size_t i = 0; i < StatusCounts::kKnown.size(); ++i) {
    if (const auto count = counts.known(i)) add(count, with(status_text(i)));
  }
  for (std::size_t hundred = 0; hundred < StatusCounts::kHundreds; ++hundred) {
    if (const auto count = counts.others(hundred)) add(count, with(std::to_string(hundred) + "xx"));
  }
  return *this;
}

double Family::sum(std::string_view label, std::string_view value) const {
  double sum = 0;
  for (const auto& point : points_) {
    const auto is_it = [&](const auto& one) { return one.first == label && one.second == value; };
    if (label.empty() || std::ranges::any_of(point.labels, is_it)) sum += point.value;
  }
  return sum;
}

Family& Families::counter(std::string_view name, std::string_view help) {
  return families_.emplace_back(Family::Type::kCounter, name, help);
}

Family& Families::gauge(std::string_view name, std::string_view help) {
  return families_.emplace_back(Family::Type::kGauge, name, help);
}

Family& Families::histogram(std::string_view name, std::string_view help) {
  return families_.emplace_back(Family::Type::kHistogram, name, help);
}

double Families::sum(std::string_view name, std::string_view label, std::string_view value) const {
  const auto found = std::ranges::find(families_, name, &Family::name);
  return found == families_.end() ? 0 : found->sum(label, value);
}

std::string Families::exposition() const {
  std::vector<prometheus::MetricFamily> all;
  for (const auto& family : families_) {
    prometheus::MetricFamily one{
        .name = family.name(), .help = family.help(), .type = type_of(family.type()), .metric = {}};
    for (const auto& point : family.points()) {
      one.metric.push_back(metric_of(family.type(), point));
    }
    all.push_back(std::move(one));
  }
  return prometheus::TextSerializer().Serialize(all);
}

}  // namespace hubcache::obs
