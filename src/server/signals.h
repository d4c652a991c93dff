#pragma once

// SIGINT and SIGTERM as a Qt signal; a second one ends the process at once.

#include <memory>

#include <QObject>
#include <QSocketNotifier>

namespace fluxion {

// Main thread; one at a time.
class StopSignals : public QObject {
    Q_OBJECT
  public:
    StopSignals();
    ~StopSignals() override;

  Q_SIGNALS:
    void arrived();

  private:
    std::unique_ptr<QSocketNotifier> m_notifier;
};

} // namespace fluxion
