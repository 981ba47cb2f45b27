# Everything comes from Debian 12; docs/dependencies.md says what for.
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(SQLiteCpp REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(spdlog 1.10 REQUIRED)
# Its own configuration file looks for the servers and clients too that hubcache does not use.
find_library(PROMETHEUS_CORE prometheus-cpp-core REQUIRED)
find_path(PROMETHEUS_INCLUDE_DIR prometheus/text_serializer.h REQUIRED)
add_library(prometheus-cpp::core UNKNOWN IMPORTED)
set_target_properties(prometheus-cpp::core PROPERTIES
  IMPORTED_LOCATION "${PROMETHEUS_CORE}" INTERFACE_INCLUDE_DIRECTORIES "${PROMETHEUS_INCLUDE_DIR}")
find_package(CLI11 2.1 REQUIRED)
find_package(tomlplusplus 3.3 REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(systemd REQUIRED IMPORTED_TARGET libsystemd)
pkg_check_modules(crypt REQUIRED IMPORTED_TARGET libxcrypt)
pkg_check_modules(archive REQUIRED IMPORTED_TARGET libarchive)
if(HUBCACHE_TESTS)
  find_package(GTest 1.12 REQUIRED)
endif()

# Asio and Beast are compiled once, in src/net/asio.cpp; every user must see the same definitions.
add_library(hubcache_asio INTERFACE)
target_compile_definitions(hubcache_asio INTERFACE
  BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
  BOOST_ASIO_DISABLE_BOOST_COROUTINE
  # A request has a few coroutines, whose frames each thread keeps for the next one.
  BOOST_ASIO_RECYCLING_ALLOCATOR_CACHE_SIZE=8)
target_include_directories(hubcache_asio SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
target_link_libraries(hubcache_asio INTERFACE Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
