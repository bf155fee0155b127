"""A workstation on paper: a scenario is played through xinf's own deciding code, without waiting.

    scenario   what is played: devices, models, arrivals, other programs
    tables     a scenario as a TOML file, checked
    arrivals   who asks for what and when, from a trace or from rates and a seed
    lines      the requests that wait, and those that are answered
    engines    one engine's life from its start to its end
    machine    the devices: what engines and other programs hold of them
    gate       whose turn it is on a device
    agenda     what will happen, and the time that it is
    play       the loop: time jumps from event to event, and after each one everything is decided
    tally      what happened
    report     what that means in numbers
    picture    the same for the terminal

What is real here: `scheduler.plan`, `scheduler.holdings`, `agent.diff`, `agent.turns` and the
events of `observe.planned`. What is not: engines load and answer in the time that the scenario
says, at once hold all that they were promised, and never fail; everybody knows everything at once.
"""
