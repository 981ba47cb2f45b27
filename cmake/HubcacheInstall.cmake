# Where Debian expects things: binary, sample configuration, service, documentation.
install(TARGETS hubcache RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES config/hubcache.toml DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/hubcache)
install(FILES config/hubcache.sysusers DESTINATION lib/sysusers.d RENAME hubcache.conf)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(FILES README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})

# The unit names the binary and the configuration where this prefix has them.
file(READ config/hubcache.service unit)
string(REPLACE "/usr/bin/" "${CMAKE_INSTALL_FULL_BINDIR}/" unit "${unit}")
string(REPLACE "/etc/hubcache/" "${CMAKE_INSTALL_FULL_SYSCONFDIR}/hubcache/" unit "${unit}")
file(CONFIGURE OUTPUT hubcache.service CONTENT "${unit}" @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/hubcache.service DESTINATION lib/systemd/system)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS config/hubcache.service)
