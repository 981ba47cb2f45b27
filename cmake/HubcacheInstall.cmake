# Where Debian expects things: binary, sample configuration, service, documentation.
install(TARGETS hubcache RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES config/hubcache.toml DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/hubcache)
install(FILES config/hubcache.service DESTINATION lib/systemd/system)
install(FILES config/hubcache.sysusers DESTINATION lib/sysusers.d RENAME hubcache.conf)
install(FILES LICENSE README.md CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
