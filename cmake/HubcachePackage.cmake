# `cpack -G DEB` in a build directory makes the package for Debian 12, `cpack -G TGZ` an archive of the same.
set(CPACK_PACKAGE_NAME hubcache)
set(CPACK_PACKAGE_VERSION "${version}")
set(CPACK_PACKAGE_CONTACT "The hubcache developers <hubcache@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "pull-through cache for the Hugging Face Hub")
set(CPACK_PACKAGING_INSTALL_PREFIX "${CMAKE_INSTALL_PREFIX}")
set(CPACK_SET_DESTDIR ON)  # the configuration lies outside of the prefix
set(CPACK_STRIP_FILES ON)
set(CPACK_GENERATOR DEB)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
"Models, datasets and spaces of the Hugging Face Hub are downloaded once, checked,
and served from here to everybody who may read them. Clients need one variable,
HF_ENDPOINT. It is managed by the REST API that Pulp's Hugging Face plugin has.")
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_DEPENDS "adduser, ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "logrotate")
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(scripts "${PROJECT_SOURCE_DIR}/config/debian")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    "${scripts}/conffiles" "${scripts}/postinst" "${scripts}/prerm" "${scripts}/postrm")
include(CPack)
