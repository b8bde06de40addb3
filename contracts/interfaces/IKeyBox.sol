// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId, JobTerms, Seat} from "../types/JobTypes.sol";

/// @title Hands the keys of private jobs to whoever took them
/// @notice Code and inputs of a private job are sealed under its job key. The requester, or his delegate, hands that key, wrapped
/// to each worker's registered recipient, within wrapTime of the last take (types/PrivateTerms.sol). A worker who was handed
/// none says so with `miss`; his verifier then pays him the share that the terms name, and finds no fault.
///
/// What is handed is not looked into: nobody but the worker can read it. One who was handed a key that opens nothing does as
/// with code that fails: his run ends as Raised.
interface IKeyBox {
    event DelegateSet(address indexed requester, address indexed delegate);
    /// @param wrapped the job's key, sealed to the worker's registered recipient (age): all that he needs to begin
    event KeyHanded(JobId indexed id, address indexed worker, bytes wrapped);
    event KeyMissed(JobId indexed id, address indexed worker);

    /// @notice The terms are of a public job.
    error NotPrivate(JobId id);
    error KeyAlreadyHanded(JobId id, address worker);
    error WrappedTooLong(uint256 have, uint256 most);

    /// @notice Requester: whom he lets hand his keys; zero: nobody. A delegate can do nothing else.
    function setDelegate(address delegate) external;

    /// @notice Requester or delegate, while the job is Assigned and for wrapTime after the last take.
    /// @param held all entries up to the last seat that is handed one, as the board takes them
    /// @param wrapped one per entry of `held`, at most MOST_WRAPPED bytes; empty: that seat is left out
    /// @dev reverts NotPrivate, KeyAlreadyHanded, WrappedTooLong, IJobBoard.NotRequester, IJobBoard.WrongState,
    /// IJobBoard.WrongSeats, IJobBoard.DeadlinePassed, IJobBoard.LengthMismatch, IJobBoard.NotSeated
    function hand(JobTerms calldata terms, Seat[] calldata held, bytes[] calldata wrapped) external;

    /// @notice Anyone, after that and until the work deadline: no key was handed to the worker of seat `number`. The worker
    /// still commits, to whatever he likes, or the board takes him for a no-show.
    /// @dev reverts NotPrivate, KeyAlreadyHanded, IJobBoard.WrongState, IJobBoard.WrongSeats, IJobBoard.NotSeated,
    /// IJobBoard.DeadlineNotPassed, IJobBoard.DeadlinePassed
    function miss(JobTerms calldata terms, Seat[] calldata held, uint8 number) external;

    // ---- reading

    /// @notice Whether a seat of this job was found without a key. False once the lane holds another job, or the seats were
    /// given anew.
    function isMissed(address requester, uint256 nonce) external view returns (bool);
    /// @notice Whether the key was handed to seat `number`. False once the lane holds another job, or the seats were given
    /// anew.
    function isHanded(address requester, uint256 nonce, uint8 number) external view returns (bool);
    function delegateOf(address requester) external view returns (address);
    function BOARD() external view returns (address);
    function MOST_WRAPPED() external view returns (uint256);
}
