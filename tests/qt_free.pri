# A test program of the folders that are free of Qt: doctest, the library, and no Qt to link.
TEMPLATE = app
CONFIG -= qt
include(../src/common.pri)
CONFIG += cmdline
INCLUDEPATH += $$SOURCE_ROOT/tests
DEFINES += FLUXION_SOURCE_ROOT=\\\"$$SOURCE_ROOT\\\"

SOURCES += $$files($$PWD/support/*.cpp, true)
LIBS += $$FLUXION_LIBS
PRE_TARGETDEPS += $$FLUXION_LIBRARY

DESTDIR = $$BUILD_ROOT/tests
OBJECTS_DIR = $$BUILD_ROOT/obj/$$TARGET
