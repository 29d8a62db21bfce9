package report

import (
	"bytes"
	"fmt"
	"io"
	"sync"
	"time"

	"binderhub-smoke/smoke"
)

// Progress is the observer that writes one line a step as it ends. On a terminal the steps that run are shown below, and
// redrawn in place.
type Progress struct {
	w    io.Writer
	term Terminal
	now  func() time.Time

	mu      sync.Mutex
	many    bool // several targets: lines begin with the target's name
	running []active
	drawn   int           // lines below the last step that are to be redrawn
	stop    chan struct{} // ends the ticking; nil when nothing ticks
}

// active is a step that runs.
type active struct {
	target, scenario, step string
	since                  time.Time
}

// maxRunning bounds the lines that are redrawn.
const maxRunning = 8

// NewProgress returns a Progress that writes to w.
func NewProgress(w io.Writer, t Terminal) *Progress { return &Progress{w: w, term: t, now: time.Now} }

// Observe writes what happened. Only a RunStarted begins the ticking that RunEnded ends.
func (p *Progress) Observe(e smoke.Event) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e.Kind {
	case smoke.RunStarted:
		p.many = len(e.Snapshot().Targets) > 1
		p.tick()
	case smoke.StepStarted:
		p.running = append(p.running, active{e.Target, e.Scenario, e.Step, p.now()})
		p.draw("")
	case smoke.StepEnded:
		p.drop(e)
		if e.Result.Verdict == smoke.Skipped && (e.Result.Reason == smoke.ReasonNotAsked || e.Result.Reason == smoke.ReasonQuick) {
			return // what the user left out is no news
		}
		p.draw(p.line(e))
	case smoke.Waiting:
		p.draw(p.waiting(e))
	case smoke.RunEnded:
		p.running = nil
		p.draw("")
		if p.stop != nil {
			close(p.stop)
			p.stop = nil
		}
	}
}

func (p *Progress) drop(e smoke.Event) {
	for i, a := range p.running {
		if a.target == e.Target && a.scenario == e.Scenario && a.step == e.Step {
			p.running = append(p.running[:i], p.running[i+1:]...)
			return
		}
	}
}

// maxPlain bounds a line where no terminal does: a server's words may be in it.
const maxPlain = 300

// line is what a step came to: verdict, name, time and, unless it passed, the reason.
func (p *Progress) line(e smoke.Event) string {
	width := maxPlain
	if p.term.Redraw {
		width = p.term.width(80)
	}
	text := fmt.Sprintf("%-*s %8s", p.nameWidth(), p.name(e.Target, e.Scenario, e.Step), seconds(time.Duration(e.Result.Seconds)))
	if e.Result.Reason != "" {
		text += "  " + clean(e.Result.Reason)
	}
	text = cut(text, width-len(verdictColumn(e.Result.Verdict))-1)
	return p.term.paint(e.Result.Verdict, verdictColumn(e.Result.Verdict)) + " " + text + "\n"
}

// waiting is what the run waits for, whole: it is what the reader waits for too.
func (p *Progress) waiting(e smoke.Event) string {
	text := clean(e.Text)
	if p.many && e.Target != "" {
		text = e.Target + " " + text
	}
	return verdictColumn("wait") + " " + cut(text, maxPlain) + "\n"
}

func verdictColumn(v smoke.Verdict) string { return fmt.Sprintf("%-12s", v) }

// nameWidth leaves room for a reason in 80 columns; targets' names may be long.
func (p *Progress) nameWidth() int {
	if p.many {
		return 44
	}
	return 24
}

func (p *Progress) name(target, scenario, step string) string {
	if p.many {
		return target + " " + scenario + "/" + step
	}
	return scenario + "/" + step
}

// seconds writes a duration for people.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2f s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}

// draw takes the running steps off the terminal, writes above what has happened, and shows them again, in one write so
// that nothing flickers. What cannot be written is lost: progress must not end a run.
func (p *Progress) draw(above string) {
	var b bytes.Buffer
	if p.term.Redraw {
		for range p.drawn {
			b.WriteString("\x1b[1A\x1b[2K")
		}
		p.drawn = 0
	}
	b.WriteString(above)
	if p.term.Redraw {
		p.below(&b)
	}
	if b.Len() > 0 {
		_, _ = p.w.Write(b.Bytes())
	}
}

// below writes a line for each running step.
func (p *Progress) below(b *bytes.Buffer) {
	width := p.term.width(80) - 1
	for i, a := range p.running {
		text := fmt.Sprintf("%s %-*s %8s", verdictColumn("…"), p.nameWidth(), p.name(a.target, a.scenario, a.step), seconds(p.now().Sub(a.since)))
		if i == maxRunning-1 && len(p.running) > maxRunning {
			text = fmt.Sprintf("%s and %d more", verdictColumn("…"), len(p.running)-i)
		}
		b.WriteString(cut(text, width) + "\n")
		p.drawn++
		if p.drawn == maxRunning {
			return
		}
	}
}

// tick redraws the running steps' times on a terminal.
func (p *Progress) tick() {
	if !p.term.Redraw || p.stop != nil {
		return
	}
	stop := make(chan struct{})
	p.stop = stop
	go func() {
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ticker.C:
				p.redraw()
			}
		}
	}()
}

func (p *Progress) redraw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.running) > 0 {
		p.draw("")
	}
}
