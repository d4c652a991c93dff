#pragma once

// Ctrl-C, as something that event loops notice.

#include <memory>

#include <QObject>
#include <QSocketNotifier>

namespace fluxion::shell {

// While one exists, SIGINT does not end the process. Main thread; one at a time.
class Interrupt : public QObject {
    Q_OBJECT
  public:
    Interrupt();
    ~Interrupt() override;

    // Whether one has arrived since the last clear().
    bool raised() const;
    void clear();

  Q_SIGNALS:
    void arrived();

  private:
    std::unique_ptr<QSocketNotifier> m_notifier;
};

} // namespace fluxion::shell
