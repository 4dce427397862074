//! The threads: each accepts and answers on its own; the first also waits for the signal to stop.

use std::io::{self, Write as _};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::connection::{self, Shared};
use crate::crowd::Crowd;
use crate::exchange::Exchange;
use crate::{Config, Handler, ServeError, Stages, limits, listen};

/// How long to wait after a failed accept (usually: out of file descriptors) before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// How long the threads may still take to end by themselves, after [`Config::stop_timeout`], [`limits::GIVE_UP`] and
/// [`limits::LAST_WAIT`].
const END_TIMEOUT: Duration = Duration::from_millis(500);

/// Listens, reports the stages on stderr once it does, and serves until SIGTERM or SIGINT; requests
/// in flight then have [`Config::stop_timeout`] to finish, after which the handler is told to give up. If the threads have
/// not ended soon after that, because a handler's work cannot be interrupted, the process is ended from here, with success.
/// The process may have as many descriptors open as it is allowed at most.
///
/// `make_handler` is called once per thread, on the calling thread, with the thread's number from 0.
///
/// # Errors
/// When the address cannot be listened on, or a thread or its runtime cannot be started.
pub fn serve<H: Handler>(
    mut config: Config,
    mut stages: Stages,
    mut make_handler: impl FnMut(usize) -> H,
) -> Result<(), ServeError> {
    let mut listeners = listen::listeners(config.listen, config.threads.get())?.into_iter();
    stages.mark("listening");
    // There is one listener per thread, and at least one thread.
    let Some(own_listener) = listeners.next() else { return Ok(()) };
    config.most_connections = limits::most_connections(config.most_connections);
    let shared = Shared::new(config);
    let stop = watch::Sender::new(false);
    // The receiver is told by this sender's end that all threads have ended.
    let (_running, ended) = mpsc::channel();
    let own_handler = make_handler(0);

    let mut threads = Vec::with_capacity(listeners.len());
    for (index, listener) in (1..).zip(listeners) {
        let (handler, shared, stop) = (make_handler(index), Arc::clone(&shared), stop.clone());
        let work = move || other_thread(listener, handler, shared, &stop);
        let name = format!("server-{index}");
        threads.push(thread::Builder::new().name(name).spawn(work).map_err(ServeError::Start)?);
    }
    first_thread(own_listener, own_handler, shared, &stop, &stages, ended)
        .map_err(ServeError::Start)?;
    for thread in threads {
        // A panic has been reported by the panic hook already; the others were served all the same.
        if let Ok(result) = thread.join() {
            result.map_err(ServeError::Start)?;
        }
    }
    Ok(())
}

/// Serves on the calling thread, and tells all the others when a signal says stop.
fn first_thread<H: Handler>(
    listener: TcpListener,
    handler: H,
    shared: Arc<Shared>,
    stop: &watch::Sender<bool>,
    stages: &Stages,
    ended: mpsc::Receiver<()>,
) -> io::Result<()> {
    let runtime = runtime()?;
    let (terminate, interrupt) = {
        let _inside = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    // Whoever reads this line may send the signal at once: it is handled from here on.
    stages.report();
    let stopper = stop.clone();
    let most = shared.config.stop_timeout + limits::GIVE_UP + limits::LAST_WAIT + END_TIMEOUT;
    runtime.spawn(async move {
        either(terminate, interrupt).await;
        stopper.send_replace(true);
        // A thread only now: one that waited from the start would be in every start-up that is measured.
        let end = move || end_after(most, &ended);
        if let Err(error) = thread::Builder::new().name("stop".into()).spawn(end) {
            eprintln!("weighbridge-server: a stop may take longer than asked for: {error}");
        }
    });
    let result = runtime.block_on(accept(listener, handler, shared, stop.subscribe()));
    runtime.shutdown_timeout(limits::LAST_WAIT);
    result
}

/// Serves on a thread of its own. When it cannot, it stops the whole server: otherwise connections
/// that the kernel gives to its listener would wait for ever.
fn other_thread<H: Handler>(
    listener: TcpListener,
    handler: H,
    shared: Arc<Shared>,
    stop: &watch::Sender<bool>,
) -> io::Result<()> {
    let result = runtime().and_then(|runtime| {
        let result = runtime.block_on(accept(listener, handler, shared, stop.subscribe()));
        runtime.shutdown_timeout(limits::LAST_WAIT);
        result
    });
    if result.is_err() {
        stop.send_replace(true);
    }
    result
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_io().enable_time().build()
}

/// Ends the process when `most` has passed before the server has ended by itself.
fn end_after(most: Duration, ended: &mpsc::Receiver<()>) {
    if ended.recv_timeout(most) == Err(RecvTimeoutError::Timeout) {
        // Nobody is left to be told if that fails.
        let _ = io::stdout().flush();
        std::process::exit(0);
    }
}

async fn either(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Accepts until `stop`, then waits for the connections to finish what they are at.
async fn accept<H: Handler>(
    listener: TcpListener,
    handler: H,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let most = (shared.config.most_connections / shared.config.threads).max(1);
    // Connections hold the receiving end: told by a change, counted by being dropped.
    let connections = watch::Sender::new(());
    let mut crowd = Crowd::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Usually out of descriptors, which other parts of the process may hold.
            crowd.make_room();
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        if connections.receiver_count() >= most {
            if !crowd.make_room() {
                // All are at work: this one is closed instead.
                continue;
            }
            // The one that goes gives up its descriptor when its task is next looked at.
            tokio::task::yield_now().await;
        }
        let exchange = Arc::new(Exchange::default());
        let driven = connection::drive(
            stream,
            Arc::clone(&exchange),
            handler.clone(),
            Arc::clone(&shared),
            connections.subscribe(),
        );
        let task = tokio::spawn(driven).abort_handle();
        crowd.add(exchange, task, connections.receiver_count());
    }
    drop(listener);
    connections.send_replace(());
    let finish = |within| tokio::time::timeout(within, connections.closed());
    if finish(shared.config.stop_timeout).await.is_err() && handler.give_up() {
        crowd.disperse();
        let _ = finish(limits::GIVE_UP).await;
    }
    Ok(())
}
