# What every part of the build shares.
#
# CONFIG+=sanitize_thread or CONFIG+=sanitize_address builds the folders that are free of Qt, and
# their tests, without Qt in sight.

# Or qmake overwrites the committed Makefile. Whoever lists SUBDIRS repeats it for each of them.
MAKEFILE = build.mk

SOURCE_ROOT = $$clean_path($$PWD/..)
BUILD_ROOT = $$SOURCE_ROOT/build
sanitize_thread: BUILD_ROOT = $$BUILD_ROOT/tsan
sanitize_address: BUILD_ROOT = $$BUILD_ROOT/asan
sanitize_thread|sanitize_address: CONFIG += sanitized

QT_FREE_FOLDERS = base io config protocol log store live engine
QT_FOLDERS = sql ingest auth api net shell server

CONFIG += c++20 strict_c++ warn_on silent object_parallel_to_source
sanitized: CONFIG -= qt
INCLUDEPATH += $$SOURCE_ROOT/src

QMAKE_CXXFLAGS_WARN_ON = -Wall -Wextra -Wshadow -Wconversion -Werror
QMAKE_CXXFLAGS += -fstack-protector-strong -fPIE
QMAKE_LFLAGS += -pie -Wl,-z,relro,-z,now

qt {
    QT = core network websockets sql
    # Q_SIGNALS, Q_SLOTS, Q_EMIT: "slots" and "signals" are words of the folders below as well.
    DEFINES += QT_NO_KEYWORDS
    # Qt's headers keep their warnings: a folder named by -isystem counts as that, -I or not.
    QMAKE_CXXFLAGS += -isystem $$[QT_INSTALL_HEADERS]
    for (module, $$list(QtCore QtNetwork QtWebSockets QtSql QtTest)) {
        QMAKE_CXXFLAGS += -isystem $$[QT_INSTALL_HEADERS]/$$module
    }
}

sanitized {
    sanitize_thread: SANITIZERS = -fsanitize=thread
    sanitize_address: SANITIZERS = -fsanitize=address,undefined -fno-sanitize-recover=all
    QMAKE_CXXFLAGS_RELEASE = -O1 -g1 -fno-omit-frame-pointer
    QMAKE_CXXFLAGS += $$SANITIZERS
    QMAKE_LFLAGS += $$SANITIZERS
} else {
    QMAKE_CXXFLAGS_RELEASE = -O2 -g1
    # Some compilers predefine it, and a second definition would be an error.
    QMAKE_CXXFLAGS += -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
}

FLUXION_LIBRARY = $$BUILD_ROOT/libfluxion.a
# For whatever links the library: an archive gives only the objects asked for, so a program that
# asks for none with Qt in it links without Qt.
FLUXION_LIBS = $$FLUXION_LIBRARY -lsimdjson -lre2 -lzstd -lpthread
